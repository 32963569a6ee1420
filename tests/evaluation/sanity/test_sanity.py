import numpy as np
import pytest
import torch
from hand_made import Subject, add_method

from pipeline.evaluation.sanity.sanity import METRICS, measure
from pipeline.models import build_classifier
from pipeline.settings import Bootstrap, Sanity, Training, TrainJob

SECTION = Sanity(seed=4, bootstrap=Bootstrap(replicates=20))
IMAGES = torch.randn(5, 3, 96, 96, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", params=["cam", "calm_ml"])
def model(request):
    torch.manual_seed(0)
    training = Training(method=request.param)
    job = TrainJob(trunk="resnet_small", weights="none", seed=1, training=training)
    return build_classifier(job, 3).requires_grad_(False).eval()


def checked(model, method, images=IMAGES):
    return measure(Subject(images, [0, 1, 2, 0, 1][: len(images)], model, method), SECTION)


def depths(result, metric):
    return [result.values[f"{metric}.{depth:02d}"] for depth in range(5)]


def test_a_map_of_the_image_alone_never_changes(model, monkeypatch):
    add_method(monkeypatch, lambda query: query.inputs[query.images].sum(dim=1))
    result = checked(model, "made")
    for metric in METRICS:
        assert depths(result, metric) == pytest.approx([1.0] * 5)
        assert result.values[metric] == pytest.approx(1.0)
    assert result.details["depths"] == {
        "00": "head", "01": "layer3.0", "02": "layer2.0", "03": "layer1.0", "04": "conv1"
    }  # fmt: skip


def test_a_map_of_the_trunk_changes_from_the_first_block_on(model, monkeypatch):
    add_method(monkeypatch, lambda query: query.model.trunk(query.inputs)["features"][:, 0])
    result = checked(model, "made")
    for metric in METRICS:
        first, *rest = depths(result, metric)
        assert first == pytest.approx(1.0)
        assert max(rest) < 0.9


def test_the_models_own_map_changes_with_its_head(model):
    method = "cam" if model.kind == "cam" else "joint"
    result = checked(model, method)
    assert depths(result, "spearman")[0] < 0.9
    assert set(result.intervals) == set(result.values)
    own = [f"spearman.{depth:02d}" for depth in range(5)]
    means = np.mean([result.arrays[name] for name in own], axis=0)
    assert result.arrays["spearman"] == pytest.approx(means)
    assert result.arrays["replicates.ssim"].shape == (20,)


def test_signs_count_in_spearman_and_not_in_abs_spearman(model, monkeypatch):
    original = {key: value.clone() for key, value in model.state_dict().items()}

    def flipped_by_a_random_head(query):
        same = torch.equal(query.model.state_dict()["head.classes.weight"],
                           original["head.classes.weight"])  # fmt: skip
        score_map = query.inputs[query.images].sum(dim=1)
        return score_map if same else -score_map

    add_method(monkeypatch, flipped_by_a_random_head)
    result = checked(model, "made")
    assert result.values["spearman"] == pytest.approx(-1.0)
    assert result.values["abs_spearman"] == pytest.approx(1.0)


def test_constant_maps_are_counted_and_left_out(model, monkeypatch):
    def constant_for_the_first(query):
        score_map = query.inputs[query.images].sum(dim=1)
        score_map[0] = 1.0
        return score_map

    add_method(monkeypatch, constant_for_the_first)
    result = checked(model, "made")
    assert result.details["undefined"]["spearman.00"] == 1
    assert "ssim" not in result.details["undefined"]
    assert result.values["spearman"] == pytest.approx(1.0)
    add_method(monkeypatch, lambda query: torch.ones(len(query.images), 12, 12))
    result = checked(model, "made")
    assert set(result.values) == {"ssim", *(f"ssim.{depth:02d}" for depth in range(5))}
    assert result.details["undefined"]["spearman"] == 5


def test_a_result_does_not_depend_on_the_other_images(model):
    method = "cam" if model.kind == "cam" else "joint"
    whole, part = checked(model, method), checked(model, method, IMAGES[:2])
    for name in METRICS:
        assert whole.arrays[name][:2] == pytest.approx(part.arrays[name], abs=1e-4)
