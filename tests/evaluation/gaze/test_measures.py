import numpy as np
import pytest
from scipy.stats import entropy, pearsonr, zscore
from sklearn.metrics import roc_auc_score

from pipeline.evaluation.gaze.measures import MEASURES, UNIFORM, Fixated, ScoreMap
from pipeline.images.enlarging import upsampled

PIXELS = 400


def uniform():
    return np.full(PIXELS, 1 / PIXELS)


@pytest.fixture
def fixated():
    """Seven fixations of unequal weight, two of them on one pixel."""
    rng = np.random.default_rng(0)
    places = np.array([3, 77, 77, 150, 390, 12, 201])
    weights = rng.random(7)
    density = rng.random(PIXELS)
    return Fixated(places, weights / weights.sum(), density / density.sum())


@pytest.fixture
def values():
    return np.round(np.random.default_rng(1).normal(size=PIXELS), 1)  # with ties


def test_nss_is_the_mean_of_standardised_values(values, fixated):
    expected = np.average(zscore(values)[fixated.places], weights=fixated.weights)
    assert ScoreMap(values).nss(fixated) == pytest.approx(expected)


def test_auc_is_scikit_learns_of_fixations_against_the_other_pixels(values, fixated):
    others = np.setdiff1d(np.arange(PIXELS), fixated.places)
    expected = roc_auc_score(
        np.repeat([1, 0], [7, len(others)]),
        np.concatenate([values[fixated.places], values[others]]),
        sample_weight=np.concatenate([fixated.weights, np.ones(len(others))]),
    )
    assert ScoreMap(values).auc(fixated) == pytest.approx(expected)


def test_correlation_is_pearsons(values, fixated):
    expected = pearsonr(values, fixated.density).statistic
    assert ScoreMap(values).correlation(fixated) == pytest.approx(expected)


def test_similarity_kl_and_information_gain_written_out(values, fixated):
    density = values - values.min()
    density /= density.sum()
    score_map = ScoreMap(values)
    expected = np.minimum(density, fixated.density).sum()
    assert score_map.similarity(fixated) == pytest.approx(expected)
    mixed = (1 - UNIFORM) * density + UNIFORM / PIXELS
    assert score_map.kl(fixated) == pytest.approx(entropy(fixated.density, mixed))
    prior = np.random.default_rng(2).random(PIXELS)
    prior /= prior.sum()
    gains = np.log2(mixed[fixated.places] / prior[fixated.places])
    expected = np.average(gains, weights=fixated.weights)
    assert score_map.information_gain(fixated, prior) == pytest.approx(expected)


def test_only_the_density_less_its_minimum_counts(values, fixated):
    """So that none of the numbers depends on a map's scale and offset."""
    plain = ScoreMap(values).measured(fixated, uniform())
    moved = ScoreMap(1e-3 * values - 5).measured(fixated, uniform())
    assert moved == pytest.approx(plain)
    assert list(plain) == list(MEASURES)


def test_the_fixations_themselves_are_the_best_map():
    density = np.zeros(PIXELS)
    density[[5, 9]] = 0.5
    fixated = Fixated(np.array([5, 9]), np.array([0.5, 0.5]), density)
    found = ScoreMap(density).measured(fixated, uniform())
    assert found["nss"] == pytest.approx(np.sqrt(199))  # of two ones among 400 pixels
    for name in ("auc", "correlation", "similarity"):
        assert found[name] == pytest.approx(1)
    assert found["kl"] == pytest.approx(0, abs=1.02 * UNIFORM)  # a small share is uniform
    assert found["information_gain"] == pytest.approx(np.log2(0.5 * PIXELS), abs=0.02)


def test_a_constant_map_says_nothing(fixated):
    found = ScoreMap(np.full(PIXELS, 0.7)).measured(fixated, uniform())
    assert found["nss"] == 0
    assert found["auc"] == 0.5
    assert np.isnan(found["correlation"])
    assert found["similarity"] == pytest.approx(np.minimum(fixated.density, 1 / PIXELS).sum())
    assert found["kl"] == pytest.approx(np.log(PIXELS) - entropy(fixated.density))
    assert found["information_gain"] == pytest.approx(0)


def test_random_maps_say_nothing_on_average(fixated):
    rng = np.random.default_rng(3)
    found = [ScoreMap(rng.random(PIXELS)).measured(fixated, uniform()) for _ in range(400)]
    for name, expected in (("nss", 0), ("auc", 0.5), ("correlation", 0)):
        numbers = np.array([each[name] for each in found])
        assert abs(numbers.mean() - expected) < 4 * numbers.std() / np.sqrt(400), name
    # E log2 of uniform draws over their mean, 1 / 2: 1 - 1 / ln 2; a little more with the share
    gains = np.array([each["information_gain"] for each in found])
    assert gains.mean() == pytest.approx(1 - 1 / np.log(2), abs=0.06)


def test_where_all_pixels_were_looked_at_there_is_no_other_to_tell_them_from():
    fixated = Fixated(np.array([0, 1]), np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    assert np.isnan(ScoreMap(np.array([1.0, 2.0])).auc(fixated))


@pytest.mark.parametrize("cells", [3, 5, 13, 27])
def test_a_constant_map_that_was_enlarged_is_constant(cells):
    values = upsampled(np.full((1, cells, cells), 0.1), 20).ravel()
    fixated = Fixated(np.array([3, 77]), np.array([0.5, 0.5]), np.arange(PIXELS) / PIXELS)
    map_ = ScoreMap(values)
    assert map_.nss(fixated) == 0
    assert map_.auc(fixated) == 0.5
    assert np.isnan(map_.correlation(fixated))
    np.testing.assert_allclose(map_.density, 1 / PIXELS)
