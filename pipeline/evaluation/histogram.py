"""Histograms of scores by pixel label, on any ascending edges, bit for bit as NumPy bins them."""

import numpy as np

from pipeline.runtime.compiled import compiled

# Sign, exponent and 11 bits of the mantissa: finer than the 1000 thresholds of the released code,
# so that a score meets at most one edge; and of the table only what scores in [0, 1] touch is read.
_KEY_BITS = 20
_KEYS = 1 << _KEY_BITS
_DROPPED = 32 - _KEY_BITS
_ZERO = _KEYS // 2  # the key of 0

_BLOCK = 1024  # pixels placed among even edges at once
_ROUNDING = 1e-9  # of a place among even edges, far more than it is rounded by


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
def count_even(
    scores: np.ndarray, mask: np.ndarray, edges: np.ndarray, per_unit: int, counts: np.ndarray
) -> bool:
    """Add pixels to bins of one width, where scores lie in [0, 1].

    Args:
        scores: (P,) float32 or float64.
        mask: (P,) uint8: 0 and 1 are counted, other values are not.
        edges: (K,) float64 ascending: k / ``per_unit`` up to 1, rounded anyhow, and one more.
        per_unit: bins between 0 and 1.
        counts: (2, K) int64, contiguous, of label 0 and 1, to add to.

    Returns:
        Whether all scores that count lie in [0, 1]; else some are not added.
    """
    flat, places = counts.ravel(), np.empty(_BLOCK, np.uint32)
    for start in range(0, scores.size, _BLOCK):
        of_block, labels = scores[start : start + _BLOCK], mask[start : start + _BLOCK]
        if _place(of_block, labels, per_unit, counts.shape[1], places):
            for pixel in range(of_block.size):
                flat[places[pixel]] += 1
        elif not _count_slowly(of_block, labels, edges, per_unit, counts):
            return False
    return True


@compiled
def _place(
    scores: np.ndarray, mask: np.ndarray, per_unit: int, bins: int, places: np.ndarray
) -> bool:
    """The places (uint32) of a block's pixels in the flat counts, without branches.

    Returns:
        Whether they are right: all pixels count, all scores are in [0, 1], and none is so near an
        edge that rounding decides.
    """
    right = True
    for pixel in range(scores.size):
        scaled = np.float64(scores[pixel]) * per_unit
        inside = (scaled >= 0) & (scaled <= per_unit)  # not NaN
        scaled = scaled if inside else np.float64(0)
        place = np.int32(scaled)
        after = scaled - place
        right &= inside & (mask[pixel] <= 1) & (after > _ROUNDING) & (after < 1 - _ROUNDING)
        places[pixel] = np.uint32(place + np.int32(mask[pixel]) * bins)
    return right


@compiled
def _count_slowly(
    scores: np.ndarray, mask: np.ndarray, edges: np.ndarray, per_unit: int, counts: np.ndarray
) -> bool:
    """`count_even` pixel by pixel."""
    for pixel in range(scores.size):
        label = mask[pixel]
        if label > 1:
            continue
        score = scores[pixel]
        if not 0 <= score <= 1:  # NaN too
            return False
        place = int(score * per_unit)  # or the bin next to it, by rounding
        place += edges[place + 1] <= score
        place -= edges[place] > score
        counts[label, place] += 1
    return True


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
