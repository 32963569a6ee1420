import numpy as np
import pytest
import torch
from hand_made import Subject, add_method

from pipeline.evaluation.axioms.axioms import measure, relative_change, scaled_gaps, shifted
from pipeline.models import build_classifier
from pipeline.settings import Attribution, Axioms, Bootstrap, Training, TrainJob

SECTION = Axioms(shift=2.0, blocks=3, bootstrap=Bootstrap(replicates=20))
IMAGES = torch.randn(4, 3, 48, 48, generator=torch.Generator().manual_seed(0))
LABELS = [0, 1, 2, 0]


def classifier(method):
    training = Training(method=method, class_init_scale=1.0)
    job = TrainJob(trunk="resnet_small", weights="none", seed=1, training=training)
    return build_classifier(job, 3).requires_grad_(False).eval()


@pytest.fixture(scope="module")
def cam():
    return classifier("cam")


@pytest.fixture(scope="module")
def calm_em():
    return classifier("calm_em")


def measured(model, method, section=SECTION):
    return measure(Subject(IMAGES, LABELS, model, method), section)


def test_calm_is_complete_and_invariant(calm_em):
    result = measured(calm_em, "joint")
    for name in ("completeness_gap", "completeness_gap_scaled"):
        assert result.values[name] < 1e-5
    for name in ("invariance.raw", "invariance.minmax"):
        assert result.values[name] < 1e-4
    assert result.details["common_factor"] == pytest.approx(1, abs=1e-5)
    assert result.arrays["map_sum"] == pytest.approx(result.arrays["probability"], abs=1e-6)
    assert result.details["largest_probability_change"] < 1e-6


@pytest.mark.parametrize("method", ["cam", "cam_max", "cam_minmax"])
def test_cam_is_neither_complete_nor_invariant_unless_stretched(cam, method):
    result = measured(cam, method)
    assert result.values["completeness_gap"] > 0.1
    assert result.values["completeness_gap_scaled"] > 1e-3
    assert result.details["largest_probability_change"] < 1e-6
    assert result.values["invariance.minmax"] < 1e-4 or method == "cam_max"
    assert (result.values["invariance.raw"] > 1e-2) == (method != "cam_minmax")


def test_invariance_of_cam_is_that_of_a_constant_added_to_the_map(cam):
    result = measured(cam, "cam")
    f = cam(IMAGES)[torch.arange(4), LABELS].double()
    norms = torch.maximum(f.flatten(1).norm(dim=1), (f + 2).flatten(1).norm(dim=1))
    expected = 2.0 * np.sqrt(f[0].numel()) / norms
    assert result.arrays["invariance.raw"] == pytest.approx(expected.numpy(), rel=1e-4)


def test_the_posterior_sums_to_one_on_every_image(calm_em):
    result = measured(calm_em, "posterior")
    probability = result.arrays["probability"]
    assert result.arrays["completeness_gap"] == pytest.approx(1 - probability, abs=1e-5)
    # the best common factor of sums of one is the mean
    spread = np.abs(probability - probability.mean()) / probability.mean()
    assert result.arrays["completeness_gap_scaled"] == pytest.approx(spread, abs=1e-4)


def test_the_values_have_intervals_and_replicates(calm_em):
    result = measured(calm_em, "joint")
    assert set(result.intervals) == set(result.values)
    assert {f"replicates.{name}" for name in result.values} <= set(result.arrays)
    assert not {"map_sum", "explained", "probability"} & set(result.values)


@pytest.mark.parametrize("target", ["logit", "log_prob"])
@pytest.mark.parametrize("kind", ["cam", "calm_em"])
def test_integrated_gradients_are_complete_about_the_score_that_they_explain(kind, target, request):
    model = request.getfixturevalue(kind)
    raw = {"blur_sigma": 0, "minmax": False}
    steps = {"steps": 40}
    options = {"target": target, "gradient_maps": raw, "integrated_gradients": steps}
    subject = Subject(IMAGES, LABELS, model, "integrated_gradients")
    subject.options = Attribution.model_validate(options)
    result = measure(subject, SECTION)
    with torch.no_grad():
        both = model(torch.cat([IMAGES, torch.zeros_like(IMAGES)]))
        logits = target == "logit" and kind == "cam"
        scores = (both.mean((2, 3)) if logits else model.head.log_probs(both)).double()
    change = (scores[:4] - scores[4:])[torch.arange(4), LABELS].numpy()
    assert result.arrays["explained"] == pytest.approx(change, abs=1e-5)
    assert np.abs(change).max() > 0.02
    assert result.arrays["completeness_gap"].max() < 0.1 * np.abs(change).max()
    assert result.details["common_factor"] == pytest.approx(1, abs=0.1)


def test_a_shifted_model_is_a_copy(cam):
    before = cam.head.classes.bias.clone()
    assert torch.equal(shifted(cam, 2.0).head.classes.bias, before + 2.0)
    assert torch.equal(cam.head.classes.bias, before)


def test_relative_changes():
    zero, one = torch.zeros(1, 2, 2), torch.ones(1, 2, 2)
    assert relative_change(zero, zero).item() == 0
    assert relative_change(zero, one).item() == 1
    assert relative_change(one, -one).item() == 2
    assert relative_change(one, 2 * one).item() == relative_change(2 * one, one).item() == 0.5


def test_the_common_factor_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    sums, probability = rng.standard_normal(9), rng.random(9)
    gaps, factor = scaled_gaps(sums, probability)
    assert factor == pytest.approx(np.linalg.lstsq(sums[:, None], probability, rcond=None)[0][0])
    assert gaps == pytest.approx(np.abs(factor * sums - probability) / probability.mean())
    assert scaled_gaps(3 * probability, probability)[0] == pytest.approx(np.zeros(9), abs=1e-12)
    assert scaled_gaps(np.zeros(9), probability)[1] == 0


def test_calm_is_sensitive_at_its_locations_and_the_maximum_of_cam_is_not(cam, calm_em):
    result = measured(calm_em, "joint", SECTION.model_copy(update={"zero": 0.3}))
    assert result.values["sensitivity.locations.missed"] == 0.0
    assert result.values["sensitivity.locations.spurious"] == 0.0
    f = cam(IMAGES)[torch.arange(4), LABELS].flatten(1)
    result = measured(cam, "cam_max", SECTION.model_copy(update={"zero": 0.0}))
    negative = (f <= 0).double().mean(dim=1)
    assert result.arrays["sensitivity.locations.missed"] == pytest.approx(negative.numpy())
    result = measured(cam, "cam_minmax", SECTION.model_copy(update={"zero": 0.0}))
    assert result.arrays["sensitivity.locations.missed"] == pytest.approx(1 / f.shape[1])


def test_shares_that_no_image_has_are_left_out(cam, monkeypatch):
    add_method(monkeypatch, lambda query: torch.zeros(len(query.images), 4, 4))
    result = measured(cam, "made", SECTION.model_copy(update={"response": 0.0, "zero": 0.0}))
    for where in ("locations", "blocks"):
        assert result.values[f"sensitivity.{where}.missed"] == 1.0
        assert f"sensitivity.{where}.spurious" not in result.values
        assert result.details["undefined"][f"sensitivity.{where}.spurious"] == 4
    assert result.values["invariance.raw"] == 0.0
