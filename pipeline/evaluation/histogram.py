"""Histograms of scores by pixel label, on any ascending edges, bit for bit as NumPy bins them."""

import numpy as np

from pipeline.runtime.compiled import compiled

# Sign, exponent and 11 bits of the mantissa: finer than the 1000 thresholds of the released code,
# so that a score meets at most one edge; and of the table only what scores in [0, 1] touch is read.
_KEY_BITS = 20
_KEYS = 1 << _KEY_BITS
_DROPPED = 32 - _KEY_BITS
_ZERO = _KEYS // 2  # the key of 0


class Bins:
    """Half-open bins [edge_k, edge_k+1), the last one without an upper end.

    A score finds its bin through a table indexed by the upper bits of its float32, then by
    bisection among the few edges that share these bits; comparisons are in float64.

    Args:
        edges: (K,) ascending, finite; equal neighbours make an empty bin.
    """

    def __init__(self, edges: np.ndarray) -> None:
        self.edges = np.ascontiguousarray(edges, dtype=np.float64)
        keys = _keys(self.edges.astype(np.float32).view(np.int32))
        # How many edges have a smaller key than k: rounding to float32 keeps the order, so they are
        # below every score of key k.
        steps = np.diff(keys + 1, prepend=0, append=_KEYS + 1)
        self._first = np.repeat(np.arange(len(edges) + 1, dtype=np.int32), steps)  # (_KEYS + 1,)
        self._ends = np.append(self.edges, np.inf)  # so that every bin has an upper edge

    def count(self, scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Pixels of each image by label and bin.

        Args:
            scores: (N, P) float32 or float64, finite.
            mask: (N, P) uint8; 0 and 1 are counted, other values are not.

        Returns:
            (N, 2, K) int64: label 0, label 1. Scores below the lowest edge are in no bin.
        """
        scores = np.ascontiguousarray(scores)
        bits = scores.astype(np.float32, copy=False).view(np.int32)
        counts = np.zeros((len(scores), 2, len(self.edges)), dtype=np.int64)
        _count(scores, bits, np.ascontiguousarray(mask), self._ends, self._first, counts)
        return counts


@compiled
def _key(bits: int) -> int:
    """Upper bits of a float32, so ordered that a greater number has no smaller key."""
    if bits >= 0:
        return (bits >> _DROPPED) + _ZERO
    if bits == -2147483648:  # -0.0 equals 0.0
        return _ZERO
    return _ZERO - 1 - ((bits & 0x7FFFFFFF) >> _DROPPED)


@compiled
def _keys(bits: np.ndarray) -> np.ndarray:
    keys = np.empty(bits.size, np.int64)
    for index in range(bits.size):
        keys[index] = _key(bits[index])
    return keys


@compiled
def _count(
    scores: np.ndarray,
    bits: np.ndarray,
    mask: np.ndarray,
    edges: np.ndarray,
    first: np.ndarray,
    counts: np.ndarray,
) -> None:
    for image in range(scores.shape[0]):
        for pixel in range(scores.shape[1]):
            label = mask[image, pixel]
            if label > 1:
                continue
            score = scores[image, pixel]
            key = _key(bits[image, pixel])
            low, high = first[key], first[key + 1]  # number of edges <= score is in low..high
            while high - low > 1:
                middle = (low + high) >> 1
                if edges[middle] <= score:
                    low = middle + 1
                else:
                    high = middle
            # One edge is left, or none: then this one is above the score. Without a branch, which
            # could not be predicted.
            low += edges[low] <= score
            if low > 0:
                counts[image, label, low - 1] += 1
