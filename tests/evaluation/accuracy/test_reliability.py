import itertools

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from pipeline.evaluation.accuracy.reliability import binned, curve, error_replicates
from pipeline.evaluation.bootstrap import interval
from pipeline.evaluation.over_seeds import interval_of_mean
from pipeline.settings import Bootstrap


@pytest.fixture
def predictions():
    random = np.random.default_rng(0)
    confidence = np.round(random.beta(3, 1.5, 300), 2)  # some on the edges of five bins
    return random.random(300) < confidence**2, confidence


def by_hand(hits, confidence, edges):
    """ECE and MCE as written down: bins (low, high], the first with its low edge."""
    gaps, weights = [], []
    for k, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = [
            (hit, p)
            for hit, p in zip(hits, confidence, strict=True)
            if (low < p or (k == 0 and p == low)) and p <= high
        ]
        if inside:
            accuracy = sum(hit for hit, _ in inside) / len(inside)
            gaps.append(abs(accuracy - sum(p for _, p in inside) / len(inside)))
            weights.append(len(inside) / len(hits))
    return sum(g * w for g, w in zip(gaps, weights, strict=True)), max(gaps)


@pytest.mark.parametrize("bins", [5, 15])
def test_errors_are_those_of_bins_written_out(predictions, bins):
    hits, confidence = predictions
    for strategy, edges in (
        ("uniform", np.linspace(0, 1, bins + 1)),
        ("quantile", np.quantile(confidence, np.linspace(0, 1, bins + 1))),
    ):
        found = binned(hits, confidence, bins, strategy)
        assert (found.error(), found.largest()) == pytest.approx(by_hand(hits, confidence, edges))
        assert found.counts.sum() == 300


def test_the_curve_is_that_of_scikit_learn_and_adds_up_to_the_error(predictions):
    hits, confidence = predictions
    found = curve(hits, confidence, 15, 0.95)
    accuracy, mean = calibration_curve(hits, confidence, n_bins=15)
    assert [each["accuracy"] for each in found] == pytest.approx(accuracy)
    assert [each["confidence"] for each in found] == pytest.approx(mean)
    assert sum(each["images"] for each in found) == 300
    summed = sum(each["images"] * abs(each["accuracy"] - each["confidence"]) for each in found)
    assert summed / 300 == pytest.approx(binned(hits, confidence, 15, "uniform").error())
    assert all(each["low"] <= each["accuracy"] <= each["high"] for each in found)


def test_wilsons_interval_of_a_bin():
    (only,) = curve(np.ones(10, bool), np.full(10, 0.99), 15, 0.95)
    z = 1.959964
    assert only["low"] == pytest.approx(1 / (1 + z * z / 10))
    assert only["high"] == 1


def test_certain_and_right_is_without_error():
    found = binned(np.ones(8, bool), np.ones(8), 15, "uniform")
    assert found.error() == found.largest() == 0
    drawn, by_chance = error_replicates(found, Bootstrap(replicates=50))
    assert by_chance == 0
    assert (drawn == 0).all()


@pytest.mark.parametrize("power", [1, 1.8])
def test_the_interval_holds_the_truth_of_a_population_and_the_number_itself(power):
    """Right with probability confidence ** power: the ECE is E[c - c ** power], 0 for power 1."""
    random = np.random.default_rng(4)
    truth = 1 / 2 - 1 / (power + 1)  # of uniform confidence
    held = 0
    for trial in range(60):
        confidence = random.random(400)
        hits = random.random(400) < confidence**power
        found = binned(hits, confidence, 15, "uniform")
        drawn, by_chance = error_replicates(found, Bootstrap(replicates=200, seed=trial))
        low, high = interval(drawn.clip(0), 0.95)
        assert low <= found.error() <= high
        assert 0.02 < by_chance < 0.08
        held += low <= truth <= high
    assert held >= 53  # of 57 expected; 1 % of studies have less


@pytest.mark.parametrize("power", [1, 1.8])
def test_the_interval_over_seeds_that_share_their_bias_holds_the_truth(power):
    """Five trainings of one kind of model, on the same images: their mean is as biased as each."""
    random = np.random.default_rng(5)
    truth = 1 / 2 - 1 / (power + 1)
    held = 0
    for trial in range(40):
        found = []
        for _ in range(5):
            confidence = random.random(400)
            found.append(binned(random.random(400) < confidence**power, confidence, 15, "uniform"))
        bootstrap = Bootstrap(replicates=200, seed=trial)
        drawn = np.array([error_replicates(each, bootstrap)[0] for each in found])
        low, high = interval_of_mean([each.error() for each in found], drawn, 0.95)
        low = max(low, 0)
        held += low <= truth <= high
    assert held >= 35  # of 38 expected; 1 % of studies have less


def test_the_error_by_chance_is_that_of_calibrated_models():
    random = np.random.default_rng(2)
    errors, by_chance = [], []
    for trial in range(100):
        confidence = random.random(200)
        found = binned(random.random(200) < confidence, confidence, 15, "uniform")
        errors.append(found.error())
        by_chance.append(error_replicates(found, Bootstrap(replicates=100, seed=trial))[1])
    assert np.mean(by_chance) == pytest.approx(np.mean(errors), rel=0.1)
