import pytest
import torch
from given_output import CLASSES, IMAGES, PAIRS, SETS, query_of

from pipeline import calm
from pipeline.attribution.probabilities import probabilities
from pipeline.catalogue.methods import METHODS


@pytest.fixture
def output():
    generator = torch.Generator().manual_seed(0)
    g = 3 * torch.randn((3, 5, 4, 6), generator=generator)
    return calm.log_joint(g, torch.randn((3, 1, 4, 6), generator=generator))


@pytest.mark.parametrize("name", ["joint", "conditional", "posterior"])
def test_class_methods_are_those_of_the_model_one_request_at_a_time(name, output):
    maps = query_of(output, "class").maps(name)
    assert maps.shape == (6, 4, 6)
    for row, (image, (label,)) in enumerate(zip(IMAGES.tolist(), CLASSES, strict=True)):
        expected = getattr(calm, name)(output[image : image + 1], torch.tensor([label]))
        assert torch.allclose(maps[row], expected[0], atol=1e-7)


def test_counterfactual_of_each_pair(output):
    maps = query_of(output, "counterfactual").maps("counterfactual")
    for row, (image, (label, other)) in enumerate(zip(IMAGES.tolist(), PAIRS, strict=True)):
        expected = output[image, label].exp() - output[image, other].exp()
        assert torch.allclose(maps[row], expected)
    assert (maps < 0).any()


def test_saliency_and_subset_are_one_map_an_image(output):
    assert torch.equal(query_of(output, "prior").maps("saliency"), calm.saliency(output))
    subset = query_of(output, "superset").maps("subset")
    assert torch.equal(subset, calm.subset(output, SETS))
    assert torch.allclose(subset[2], calm.saliency(output)[2], atol=1e-6)  # all classes


@pytest.mark.parametrize("name", ["joint", "subset", "saliency", "counterfactual"])
def test_maps_of_a_completeness_method_sum_to_the_stored_probability(name, output):
    kind = METHODS[name].targets
    query = query_of(output, kind, calm.class_log_probs)
    stored = probabilities(query, kind)
    assert torch.allclose(query.maps(name).sum((1, 2)), stored, atol=1e-6)
