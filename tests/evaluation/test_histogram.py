import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.evaluation.histogram import Bins, count_even
from pipeline.evaluation.pxap import BIN_EDGES


def _numpy(scores, edges):
    """np.histogram, with a last bin that has no upper end."""
    return np.histogram(scores, np.append(edges, np.inf))[0]


@limits(max_examples=150, deadline=None)
@given(
    hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e30, 1e30)),
    hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e30, 1e30)),
    st.sampled_from([np.float32, np.float64]),
)
def test_any_edges_bin_as_numpy_does(scores, edges, dtype):
    edges = np.sort(edges.astype(dtype))
    # scores on the edges, and one float next to them, are the hard ones
    on_edges = edges.astype(dtype)
    hard = [np.nextafter(on_edges, dtype(-np.inf)), np.nextafter(on_edges, dtype(np.inf))]
    scores = np.concatenate([scores.astype(dtype), on_edges, *hard, [dtype(0), dtype(-0.0)]])
    counts = Bins(edges).count(scores[None], np.ones((1, len(scores)), np.uint8))
    np.testing.assert_array_equal(counts[0, 1], _numpy(scores, edges))
    assert not counts[0, 0].any()


@pytest.mark.parametrize("kind", ["even", "log"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_released_thresholds_bin_as_numpy_does(kind, dtype):
    edges = BIN_EDGES[kind]
    rng = np.random.default_rng(0)
    near = edges[edges <= 1].astype(dtype)
    scores = np.concatenate(
        [
            rng.random(5000),
            10 ** -rng.uniform(0, 8, 5000),
            near,
            np.nextafter(near, dtype(0)),
            np.nextafter(near, dtype(1)),
            [0, 1],
        ]
    ).astype(dtype)
    counts = Bins(edges).count(scores[None], np.zeros((1, len(scores)), np.uint8))
    expected = np.histogram(scores, edges)[0]
    np.testing.assert_array_equal(counts[0, 0, :-1], expected)
    if kind == "even":
        counts = np.zeros((2, len(edges)), np.int64)
        assert count_even(scores, np.ones(len(scores), np.uint8), edges, 1000, counts)
        np.testing.assert_array_equal(counts[1, :-1], expected)
        assert not counts[0].any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1e-30, np.nextafter(np.float32(1), 2)])
def test_even_bins_refuse_what_is_not_from_0_to_1_where_it_counts(bad):
    scores, edges = np.array([0.5, bad], np.float32), BIN_EDGES["even"]
    counts = np.zeros((2, len(edges)), np.int64)
    assert not count_even(scores, np.array([1, 0], np.uint8), edges, 1000, counts)
    assert count_even(scores, np.array([0, 255], np.uint8), edges, 1000, counts)
    assert counts.sum(axis=1).tolist() == [1, 1]


def test_images_and_labels_are_counted_apart_and_other_labels_not_at_all():
    scores = np.array([[0.1, 0.9, 0.9], [0.2, 0.3, 0.7]], np.float32)
    mask = np.array([[0, 1, 255], [1, 1, 0]], np.uint8)
    counts = Bins(np.array([0.15, 0.5])).count(scores, mask)
    assert counts.tolist() == [[[0, 0], [0, 1]], [[0, 1], [2, 0]]]
