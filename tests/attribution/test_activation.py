import numpy as np
import pytest
import torch

from pipeline import calm
from pipeline.attribution.activation import METHODS, method_named, normalise_cam, probabilities
from pipeline.attribution.plan import KINDS
from pipeline.errors import UserError
from pipeline.settings import Methods

IMAGES = torch.tensor([0, 0, 1, 2, 2, 2])  # several requests an image
CLASSES = [(3,), (0,), (1,), (4,), (0,), (3,)]
SETS = [(0, 2), (1,), (0, 1, 2, 3, 4)]  # one an image
PAIRS = [(3, 1), (0, 4), (1, 0), (4, 2), (0, 3), (3, 2)]


@pytest.fixture
def output():
    generator = torch.Generator().manual_seed(0)
    g = 3 * torch.randn((3, 5, 4, 6), generator=generator)
    return calm.log_joint(g, torch.randn((3, 1, 4, 6), generator=generator))


@pytest.fixture
def activation():
    return torch.randn((3, 5, 4, 6), generator=torch.Generator().manual_seed(1))


def _compute(name, output, images, classes):
    return METHODS[name].compute(output, images, classes)


@pytest.mark.parametrize("name", ["joint", "conditional", "posterior"])
def test_class_methods_of_calm_are_those_of_the_model_one_request_at_a_time(name, output):
    maps = _compute(name, output, IMAGES, CLASSES)
    assert maps.shape == (6, 4, 6)
    for row, (image, (label,)) in enumerate(zip(IMAGES.tolist(), CLASSES, strict=True)):
        expected = getattr(calm, name)(output[image : image + 1], torch.tensor([label]))
        assert torch.allclose(maps[row], expected[0], atol=1e-7)


def test_counterfactual_of_each_pair(output):
    maps = _compute("counterfactual", output, IMAGES, PAIRS)
    for row, (image, (label, other)) in enumerate(zip(IMAGES.tolist(), PAIRS, strict=True)):
        expected = output[image, label].exp() - output[image, other].exp()
        assert torch.allclose(maps[row], expected)
    assert (maps < 0).any()


def test_saliency_and_subset_are_one_map_an_image(output):
    own = torch.arange(3)
    assert torch.equal(_compute("saliency", output, own, [()] * 3), calm.saliency(output))
    subset = _compute("subset", output, own, SETS)
    assert torch.equal(subset, calm.subset(output, SETS))
    assert torch.allclose(subset[2], calm.saliency(output)[2], atol=1e-6)  # all classes


def test_cam_is_the_raw_signed_activation(activation):
    maps = _compute("cam", activation, IMAGES, CLASSES)
    assert (maps < 0).any()
    for row, (image, (label,)) in enumerate(zip(IMAGES.tolist(), CLASSES, strict=True)):
        assert torch.equal(maps[row], activation[image, label])


def test_cam_of_a_superset_sums_scaled_maps_and_a_constant_map_adds_nothing(activation):
    activation[0, 2] = 7.5
    maps = _compute("cam_superset", activation, torch.arange(3), SETS)
    values = activation.numpy().astype(np.float64)
    for image, members in enumerate(SETS):
        expected = np.zeros((4, 6))
        for label in members:
            low, high = values[image, label].min(), values[image, label].max()
            if high > low:
                expected += (values[image, label] - low) / (high - low)
        assert np.allclose(maps[image].numpy(), expected, atol=1e-6)


def test_probabilities_belong_to_the_targets(output, activation):
    log_probs = torch.log_softmax(activation.mean((2, 3)), 1).double()
    p = log_probs.exp()
    rows = IMAGES.tolist()
    of_class = probabilities(log_probs, "class", IMAGES, CLASSES)
    assert of_class.tolist() == [p[i, c] for i, (c,) in zip(rows, CLASSES, strict=True)]
    signed = probabilities(log_probs, "counterfactual", IMAGES, PAIRS)
    assert signed.tolist() == [p[i, a] - p[i, b] for i, (a, b) in zip(rows, PAIRS, strict=True)]
    own = torch.arange(3)
    sums = probabilities(log_probs, "superset", own, SETS)
    assert sums.tolist() == pytest.approx([p[i, list(s)].sum().item() for i, s in enumerate(SETS)])
    assert sums[2].item() == pytest.approx(1)
    assert probabilities(log_probs, "prior", own, [()] * 3).tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", ["joint", "subset", "saliency", "counterfactual"])
def test_maps_of_a_completeness_method_sum_to_the_stored_probability(name, output):
    kind = METHODS[name].targets
    images, classes = {
        "class": (IMAGES, CLASSES),
        "superset": (torch.arange(3), SETS),
        "prior": (torch.arange(3), [()] * 3),
        "counterfactual": (IMAGES, PAIRS),
    }[kind]
    maps = _compute(name, output, images, classes)
    stored = probabilities(calm.class_log_probs(output), kind, images, classes)
    assert torch.allclose(maps.sum((1, 2)), stored, atol=1e-6)


def test_registry_has_every_method_of_the_config_and_no_other():
    for model in ("cam", "calm"):
        allowed = Methods.model_fields[model].annotation.__args__[0].__args__
        assert set(allowed) == {name for name, m in METHODS.items() if m.model == model}
    assert {method.targets for method in METHODS.values()} == set(KINDS)


@pytest.mark.parametrize(("name", "model"), [("joint", "cam"), ("cam", "calm"), ("jiont", "calm")])
def test_a_method_of_another_model_is_refused_with_the_valid_names(name, model):
    with pytest.raises(UserError) as caught:
        method_named(name, model)
    valid = {"cam": "cam, cam_superset", "calm": "joint, conditional"}[model]
    assert name in str(caught.value)
    assert valid in str(caught.value)
    assert method_named("subset", "calm") is METHODS["subset"]


def test_normalise_cam_is_equation_2():
    f = torch.tensor([[[-1.0, 3.0], [1.5, 0.0]], [[2.0, 4.0], [3.0, 2.5]]])
    assert normalise_cam(f).tolist() == [[[0, 1], [0.5, 0]], [[0.5, 1], [0.75, 0.625]]]
    assert normalise_cam(f, "minmax").tolist() == [
        [[0, 1], [0.625, 0.25]], [[0, 1], [0.5, 0.25]]
    ]  # fmt: skip
    for how in ("max", "minmax"):
        flat = torch.full((1, 2, 2), -3.0)
        assert normalise_cam(flat, how).tolist() == [[[0, 0], [0, 0]]]
    with pytest.raises(ValueError, match="'mean'"):
        normalise_cam(f, "mean")
