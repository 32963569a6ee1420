import numpy as np
import pytest

from pipeline.evaluation.sorting import descending_order, sorted_scores

ODD = [0.0, -0.0, np.inf, -np.inf, 1e-45, -1e-45, 3.4e38, -3.4e38, 1.0, 1.0, -1.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, 2, 5000])
def test_scores_are_sorted_as_numpy_does(dtype, size):
    drawn = np.random.default_rng(0).normal(size=size) * 10.0 ** np.arange(-30, 30).take(
        np.arange(size) % 60
    )
    scores = np.concatenate([drawn, ODD]).astype(dtype)
    given = scores.copy()
    found = sorted_scores(scores)
    np.testing.assert_array_equal(found, np.sort(scores))
    assert found.dtype == dtype
    np.testing.assert_array_equal(scores, given)  # not sorted in place


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("values", [3, 10**6])
def test_of_equal_scores_those_that_come_first_stay_first(dtype, values):
    rng = np.random.default_rng(values)
    scores = np.concatenate([rng.integers(-values, values, 3000) / 7, ODD]).astype(dtype)
    first = rng.permutation(len(scores))
    expected = first[np.argsort(-scores[first], kind="stable")]
    np.testing.assert_array_equal(descending_order(scores, first.copy()), expected)
