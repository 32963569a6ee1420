import pytest
import torch

from pipeline.attribution.explained import explained, units_of
from pipeline.catalogue.methods import METHODS
from pipeline.models import build_classifier
from pipeline.settings import Attribution, Training, TrainJob


def head_of(method, trunk="resnet_small"):
    job = TrainJob(trunk=trunk, weights="none", seed=1, training=Training(method=method))
    return build_classifier(job, 4).eval().head


@pytest.mark.parametrize("method", ["cam", "has", "cutmix"])
def test_heads_with_logits_choose_between_two_functions(method):
    head, maps = head_of(method), torch.randn(2, 4, 3, 3)
    logits = explained(head, maps, "logit")
    assert logits.dtype == torch.float64
    assert torch.allclose(logits, maps.double().sum((2, 3)) / 9)
    log_probs = explained(head, maps, "log_prob")
    assert torch.allclose(log_probs.exp().sum(1), torch.ones(2, dtype=torch.float64))
    constant = (logits - log_probs).diff(dim=1)  # a logit is log p up to one number per image
    assert torch.allclose(constant, torch.zeros_like(constant), atol=1e-12)


def test_calm_has_no_logits():
    head, joint = head_of("calm_em"), torch.randn(2, 36).log_softmax(1).view(2, 4, 3, 3)
    assert not head.has_logits
    for target in ("logit", "log_prob"):
        found = explained(head, joint, target).exp()
        assert torch.allclose(found, joint.double().exp().sum((2, 3)))


@pytest.mark.parametrize(
    ("name", "training", "target", "score"),
    [
        ("gradient", "cam", "logit", "logit"),
        ("gradient", "cam", "log_prob", "log p(y|x)"),
        ("gradcam", "calm_ml", "logit", "log p(y|x)"),
        ("vargrad_released", "cam", "log_prob", "logit"),
        ("vargrad_released", "calm_em", "logit", "log p(y|x)"),
    ],
)
def test_units_name_what_was_explained(name, training, target, score):
    entry = METHODS[name]
    units = units_of(entry, head_of(training), Attribution(target=target))
    assert units == entry.units.replace("{score}", score)
    assert score in units


def test_units_of_other_methods_stay_as_they_are():
    assert units_of(METHODS["edges"], head_of("cam"), Attribution()) == METHODS["edges"].units


def test_every_method_that_names_a_score_is_of_the_target_or_released():
    for name, entry in METHODS.items():
        of_target = "target" in entry.options
        of_logit = name.endswith("_released") or name == "deep_lift"  # as published
        assert ("{score}" in entry.units) == (of_target or of_logit), name
