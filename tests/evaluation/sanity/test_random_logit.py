import numpy as np
import pytest
import torch
from hand_made import LinearClasses, Subject, add_method, contributions
from scipy.stats import spearmanr

from pipeline.evaluation.sanity.random_logit import RandomLogit, measure, other_class
from pipeline.runtime.errors import UserError
from pipeline.runtime.seeds import image_seed
from pipeline.settings import Bootstrap

SIDE, CLASSES = 12, 4
SECTION = RandomLogit(seed=3, bootstrap=Bootstrap(replicates=20))
IMAGES = torch.rand(6, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
LABELS = [0, 1, 2, 3, 0, 1]
WEIGHTS = torch.randn(CLASSES, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def measured(monkeypatch, function, weights=WEIGHTS, images=IMAGES, labels=LABELS):
    add_method(monkeypatch, function)
    return measure(Subject(images, labels, LinearClasses(weights)), SECTION)


def test_the_other_class_is_any_but_the_label():
    drawn = np.array([other_class(2, 5, seed) for seed in range(2000)])
    counts = np.bincount(drawn, minlength=5)
    assert counts[2] == 0
    assert np.abs(counts[[0, 1, 3, 4]] - 500).max() < 5 * np.sqrt(500 * 0.75)


def test_it_compares_the_maps_of_the_label_and_of_the_other_class(monkeypatch):
    result = measured(monkeypatch, contributions)
    for row, label in enumerate(LABELS):
        other = other_class(label, CLASSES, image_seed(3, f"{row}.jpg"))
        light = IMAGES[row].sum(dim=0)
        own, changed = (light * WEIGHTS[each] for each in (label, other))
        expected = spearmanr(own.ravel(), changed.ravel()).statistic
        assert result.arrays["spearman"][row] == pytest.approx(expected, abs=1e-6)
    assert result.details["classes"] == CLASSES


def test_a_map_that_knows_no_class_is_the_same_and_a_constant_one_too(monkeypatch):
    values = measured(monkeypatch, lambda query: query.inputs[query.images].sum(dim=1)).values
    assert values == pytest.approx({"spearman": 1, "abs_spearman": 1, "ssim": 1})
    values = measured(monkeypatch, lambda query: torch.ones(len(query.images), 7, 7)).values
    assert values == {"ssim": pytest.approx(1)}


def test_maps_that_are_random_for_each_class_have_no_correlation(monkeypatch):
    draws = torch.Generator().manual_seed(5)
    images, labels = IMAGES.repeat(20, 1, 1, 1), LABELS * 20

    def random(query):
        return torch.rand(len(query.images), SIDE, SIDE, generator=draws)

    found = measured(monkeypatch, random, images=images, labels=labels).arrays["spearman"]
    error = 1 / np.sqrt(SIDE**2 - 1)  # of one image, exactly
    assert abs(found.mean()) < 4 * error / np.sqrt(120)
    assert found.std() == pytest.approx(error, rel=0.25)


def test_a_model_of_one_class_has_no_other(monkeypatch):
    with pytest.raises(UserError, match="two classes"):
        measured(monkeypatch, contributions, WEIGHTS[:1])
