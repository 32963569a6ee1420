import numpy as np
import pytest

from pipeline.evaluation.erasing.relevance import erased_count, random_ranks, relevance_ranks
from pipeline.runtime.errors import UserError


def test_ranks_are_those_of_a_full_sort():
    score_map = np.random.default_rng(0).standard_normal((9, 7))
    ranks = relevance_ranks(score_map)
    order = np.argsort(-score_map.ravel())
    assert (ranks.ravel()[order] == np.arange(63)).all()


def test_ties_are_broken_at_random_by_the_seed():
    flat = np.zeros((20, 20))
    flat[5, 5] = 1
    first, again, other = (relevance_ranks(flat, seed) for seed in (0, 0, 1))
    assert first[5, 5] == other[5, 5] == 0
    assert (first == again).all()
    assert (first != other).mean() > 0.9
    rows = np.nonzero(first < 100)[0]  # not the top rows, as in the order of a stable sort
    assert rows.max() > 15


@pytest.mark.parametrize(
    ("fraction", "count"), [(0, 0), (0.1, 5018), (0.3, 15053), (0.5, 25088), (1, 50176)]
)
def test_a_fraction_is_rounded_to_the_nearest_count(fraction, count):
    assert erased_count(fraction, 224 * 224) == count


def test_a_half_is_rounded_to_the_even_count():
    assert [erased_count(0.5, pixels) for pixels in (25, 27)] == [12, 14]


def test_bad_input_is_refused():
    with pytest.raises(UserError, match="NaN"):
        relevance_ranks(np.array([[0.0, np.nan]]))
    with pytest.raises(ValueError, match=r"1\.5"):
        erased_count(1.5, 10)


def test_random_ranks_are_a_permutation():
    assert sorted(random_ranks((4, 5), 3).ravel()) == list(range(20))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("scale", [1, 1e-42, 1e8])
def test_ranks_are_those_of_a_stable_sort(dtype, scale):
    rng = np.random.default_rng(0)
    values = scale * np.concatenate([rng.normal(size=300), rng.integers(-2, 3, 300) * 0.5])
    values = np.append(values, [0.0, -0.0, 0.0, -0.0]).astype(dtype)
    shuffled = np.random.default_rng(5).permutation(values.size)
    order = shuffled[np.argsort(-values[shuffled], kind="stable")]
    assert relevance_ranks(values[None], seed=5)[0, order].tolist() == list(range(values.size))
