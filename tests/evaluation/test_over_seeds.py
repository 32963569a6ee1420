"""Intervals over seeds: against SciPy's t, against the bootstrap, and how often they hold."""

import numpy as np
import pytest
from scipy import stats

from bench import coverage, populations
from pipeline.evaluation.bootstrap import interval, replicated_means
from pipeline.evaluation.over_seeds import interval_of_ends, interval_of_mean, t_half_width
from pipeline.settings import Bootstrap

VALUES = [0.61, 0.70, 0.64]


def students(values, level):
    return stats.t.interval(level, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("number", [2, 3, 5, 20])
def test_seeds_that_images_do_not_move_have_students_interval(number, level):
    values = np.random.default_rng(number).random(number)
    steady = np.repeat(values[:, None], 50, axis=1)
    low, high = students(values, level)
    assert interval_of_mean(values, steady, level) == pytest.approx((low, high))
    ends = np.stack([values, values], axis=1)
    assert interval_of_ends(values, ends, level) == pytest.approx((low, high))
    assert t_half_width(values, level) == pytest.approx((high - low) / 2)


def test_seeds_that_are_all_alike_have_the_interval_of_one():
    drawn = np.random.default_rng(0).gamma(2, size=400)  # skewed: its two sides differ
    expected = interval(drawn, 0.9)
    values = [drawn.mean()] * 3
    assert interval_of_mean(values, np.stack([drawn] * 3), 0.9) == pytest.approx(expected)
    assert interval_of_ends(values, [expected] * 3, 0.9) == pytest.approx(expected)


def test_what_images_do_to_each_seed_alone_is_not_counted_twice():
    """It is part of the spread of the seeds' values; only what they share comes on top."""
    rng = np.random.default_rng(1)
    shared, own = rng.normal(size=40_000), 3 * rng.normal(size=(3, 40_000))
    low, high = interval_of_mean(VALUES, np.array(VALUES)[:, None] + shared + own, 0.95)
    half = np.hypot(stats.norm.ppf(0.975), t_half_width(VALUES, 0.95))
    assert (high - low) / 2 == pytest.approx(half, rel=0.03)
    apart = np.array(VALUES)[:, None] + own
    low, high = interval_of_mean(VALUES, apart, 0.95)
    assert high - low < 2 * np.hypot(0.4, t_half_width(VALUES, 0.95))


def test_resamples_in_which_a_seed_has_no_value_are_left_out():
    drawn = np.random.default_rng(2).random((3, 30))
    holes = np.concatenate([drawn, np.full((3, 5), np.nan)], axis=1)
    holes[0, -5:] = 0.9
    assert interval_of_mean(VALUES, holes, 0.9) == interval_of_mean(VALUES, drawn, 0.9)
    assert interval_of_mean(VALUES, np.full((3, 4), np.nan), 0.9) is None


def test_sides_of_intervals_are_averaged_each_by_itself():
    ends = [[0.58, 0.70], [0.67, 0.79], [0.61, 0.73]]  # 0.03 below and 0.09 above
    low, high = interval_of_ends(VALUES, ends, 0.95)
    half = t_half_width(VALUES, 0.95)
    assert (0.65 - low, high - 0.65) == pytest.approx((np.hypot(0.03, half), np.hypot(0.09, half)))


@pytest.mark.parametrize("difference", [False, True])
def test_the_interval_over_three_seeds_holds_the_expected_value(difference):
    """Its bootstrap over images alone, which knows of no training, is far too short."""
    training, trials = 0.18, 150
    truth = 0.0 if difference else populations.hit_rate(training, 0.7)
    rng = np.random.default_rng(0)
    holds = {"images alone": 0, "seeds and images": 0}
    for trial in range(trials):
        hits = populations.hits(rng, 200, 3, 2, training, 0.7).astype(float)
        values = hits[1] - hits[0] if difference else hits[0]  # (3, N)
        drawn = replicated_means(values.T, Bootstrap(replicates=100, seed=trial)).T
        for name, (low, high) in (
            ("images alone", interval(drawn.mean(axis=0), 0.95)),
            ("seeds and images", interval_of_mean(values.mean(axis=1), drawn, 0.95)),
        ):
            holds[name] += low <= truth <= high
    assert holds["images alone"] / trials < 0.8
    assert 0.91 < holds["seeds and images"] / trials < 0.995


def test_coverage_counts_what_holds_and_on_which_side_the_rest_lies():
    case = coverage.Case("uniform", lambda rng: (low := rng.random(), low + 0.5), 0.7)
    found = coverage.coverage(case, 4000)
    assert found["coverage"] == pytest.approx(0.5, abs=0.03)  # low in [0.2, 0.7]
    assert found["too_high"] == pytest.approx(0.3, abs=0.03)
    assert found["too_low"] == pytest.approx(0.2, abs=0.03)
    assert found["width"] == pytest.approx(0.5)
