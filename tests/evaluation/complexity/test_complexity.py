import numpy as np
import pytest
import torch
from hand_made import Subject
from scipy.stats import entropy as scipy_entropy

from pipeline.evaluation.complexity.complexity import entropy, gini, measure
from pipeline.settings import Bootstrap, MapEvaluation

SIDE = 40
SECTION = MapEvaluation(bootstrap=Bootstrap(replicates=20))


def test_they_are_the_published_formulas_of_sizes():
    score_map = np.random.default_rng(0).normal(size=(9, 9))
    sizes = np.abs(score_map).ravel()
    differences = np.abs(sizes[:, None] - sizes[None, :]).mean()
    assert gini(score_map) == pytest.approx(differences / (2 * sizes.mean()))
    assert entropy(score_map) == pytest.approx(scipy_entropy(sizes))
    # neither depends on the scale or the sign
    assert gini(-3 * score_map) == pytest.approx(gini(score_map))
    assert entropy(-3 * score_map) == pytest.approx(entropy(score_map))


def test_the_ends_of_their_ranges():
    one = np.zeros((5, 4))
    one[2, 1] = -7
    assert gini(one) == pytest.approx(19 / 20)
    assert entropy(one) == 0
    constant = np.full((5, 4), -0.3)
    assert gini(constant) == pytest.approx(0, abs=1e-12)
    assert entropy(constant) == pytest.approx(np.log(20))
    assert np.isnan(gini(np.zeros((2, 2))))
    assert np.isnan(entropy(np.zeros((2, 2))))


def test_random_maps_have_what_their_distribution_says():
    """Of uniform draws: a Gini index of 1/3; entropy log n + E[u log u] / -E[u] + log E[u]."""
    draws = torch.Generator().manual_seed(0)
    maps = [torch.rand(SIDE, SIDE, generator=draws) for _ in range(20)]
    subject = Subject(torch.zeros(20, 3, SIDE, SIDE), [0] * 20, maps=maps)
    values = measure(subject, SECTION).values
    assert values["sparseness"] == pytest.approx(1 / 3, abs=0.005)
    expected = np.log(SIDE**2) + 0.5 + np.log(0.5)
    assert values["complexity"] == pytest.approx(expected, abs=0.005)
    assert values["complexity_share"] == pytest.approx(expected / np.log(SIDE**2), abs=0.001)


def test_maps_are_measured_on_the_pixels_of_the_image():
    """So that one value is the same at any resolution, and a map that is nowhere has none."""
    maps = [torch.full((4, 4), 0.5), torch.zeros(4, 4)]
    result = measure(Subject(torch.zeros(2, 3, SIDE, SIDE), [0, 0], maps=maps), SECTION)
    assert result.values["complexity"] == pytest.approx(np.log(SIDE**2))
    assert result.details["undefined"] == dict.fromkeys(
        ("sparseness", "complexity", "complexity_share"), 1
    )
