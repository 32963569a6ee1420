"""Pixel-wise average precision (PxAP) of score maps against cue masks (paper, section 5.2).

All pixels of all images are ranked together. Average precision is the sum over thresholds, from
the highest down, of precision times the gain in recall; equal scores are one threshold.
"""

import numpy as np

from pipeline.evaluation.histogram import Bins, count_even
from pipeline.evaluation.score_runs import NO_RUN, average_precision_of, merged, run_of
from pipeline.runtime.compiled import compiled
from pipeline.runtime.errors import UserError

# The thresholds of the released code: 1000 of them, and bins above for scores of exactly 1.
BIN_EDGES = {
    "even": np.concatenate([np.arange(0, 1, 0.001), [1, 2, 3]]),
    "log": np.concatenate([np.sort(10 ** -np.arange(0, 7, 0.007)), [1, 2, 3]]),
}

_EVEN = 1000  # bins of the even thresholds between 0 and 1

# Pixels that wait before equal scores are counted together: as many as there are distinct scores,
# so that each score is merged few times, but within these bounds.
_COMPACT_PIXELS = 4_000_000
_MOST_WAITING_PIXELS = 32_000_000

_IGNORED = 255  # the label of pixels that do not count


class PixelAveragePrecision:
    """PxAP over any number of maps.

    Args:
        thresholds: ``"exact"``: every distinct score is a threshold and nothing is dropped. What
            grows with the data is only the list of distinct float32 scores, of cue pixels and of
            others: 12 bytes each, and those of one label twice while they are merged. ``"even"`` or
            ``"log"``: the 1000 thresholds of the released code on scores in [0, 1]; with ``"log"``
            all pixels below 10^-6.993, zeros too, are left out, positives among them as well.

    Raises:
        ValueError: ``thresholds`` is not one of these.
    """

    def __init__(self, thresholds: str = "exact") -> None:
        if thresholds not in ("exact", *BIN_EDGES):
            raise ValueError(f"thresholds must be 'exact', 'even' or 'log', not {thresholds!r}")
        self.thresholds = thresholds
        if thresholds == "exact":
            self._runs = [NO_RUN, NO_RUN]  # of label 0 and 1
            self._waiting: list[list[np.ndarray]] = [[], []]
            self._waiting_pixels = 0
        else:
            self._bins = Bins(BIN_EDGES[thresholds])
            self._counts = np.zeros((2, len(self._bins.edges)), dtype=np.int64)

    def update(self, score_map: np.ndarray, mask: np.ndarray) -> None:
        """Add maps.

        Args:
            score_map: finite numbers of any shape, e.g. (H, W) or (N, H, W); in [0, 1] unless
                thresholds are exact. float64 is kept, all else is taken as float32.
            mask: the same shape, bool or uint8: 1 cue, 0 not, 255 ignore.

        Raises:
            ValueError: the shapes differ, or the mask has another type or other values.
            UserError: a score that counts is NaN or infinite, or outside [0, 1] where bins are
                used.
        """
        scores, mask = _checked(score_map, mask)
        if self.thresholds == "even":
            counts = np.zeros_like(self._counts)
            if count_even(scores, mask, self._bins.edges, _EVEN, counts):
                self._counts += counts
                return
        low, high = _finite_range(scores, mask)
        if self.thresholds == "exact":
            for waiting, values in zip(self._waiting, _split(scores, mask), strict=True):
                waiting.append(values)
            self._waiting_pixels += scores.size
            distinct = sum(len(run.values) for run in self._runs)
            if self._waiting_pixels > np.clip(distinct, _COMPACT_PIXELS, _MOST_WAITING_PIXELS):
                self._compact()
        else:
            if low < 0 or high > 1:
                raise UserError(
                    f"Scores are in [{low:g}, {high:g}], but {self.thresholds} thresholds need "
                    "[0, 1]: normalise the maps or use exact thresholds."
                )
            self._counts += self._bins.count(scores[None], mask[None])[0]

    def merge(self, other: "PixelAveragePrecision") -> None:
        """Add what ``other`` has seen; ValueError if its thresholds are others."""
        if other.thresholds != self.thresholds:
            raise ValueError(f"cannot merge {other.thresholds} into {self.thresholds} thresholds")
        if self.thresholds == "exact":
            self._compact()
            other._compact()
            self._runs = [merged(self._runs[label], other._runs[label]) for label in (0, 1)]
        else:
            self._counts += other._counts

    @property
    def positives(self) -> int:
        """Number of cue pixels that are ranked."""
        if self.thresholds == "exact":
            return int(self._runs[1].counts.sum()) + sum(map(len, self._waiting[1]))
        return int(self._counts[1].sum())

    def compute(self) -> float:
        """PxAP in [0, 1].

        Raises:
            UserError: no cue pixel was ranked, so that recall is not defined.
        """
        if not self.positives:
            dropped = "no positive pixel scores 10^-6.993 or more"
            raise UserError(
                "PxAP is not defined: "
                + (dropped if self.thresholds == "log" else "the masks have no positive pixel")
            )
        if self.thresholds == "exact":
            self._compact()
            return average_precision_of(self._runs[1], self._runs[0])
        return float(average_precision(self._counts[1], self._counts[0]))

    def _compact(self) -> None:
        """Count equal scores together; merge them into the runs."""
        for label in (0, 1):
            if self._waiting[label]:
                run = run_of(np.concatenate(self._waiting[label]))
                self._runs[label] = merged(self._runs[label], run)
                self._waiting[label] = []
        self._waiting_pixels = 0


def average_precision(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """Average precision from counts in bins of ascending score.

    Args:
        positives, negatives: (..., K) counts, not negative.

    Returns:
        (...) float64 in [0, 1]; NaN where there is no positive.
    """
    found = np.cumsum(positives[..., ::-1], axis=-1, dtype=np.float64)
    retrieved = found + np.cumsum(negatives[..., ::-1], axis=-1, dtype=np.float64)
    precision = found / np.maximum(retrieved, np.finfo(np.float64).tiny)
    total = found[..., -1]
    with np.errstate(invalid="ignore"):
        return (precision * positives[..., ::-1]).sum(axis=-1) / total


def _checked(score_map: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels (0, 1 or 255) of the pixels, flat."""
    scores, mask = np.asarray(score_map), np.asarray(mask)
    if scores.shape != mask.shape:
        raise ValueError(f"score_map {scores.shape} and mask {mask.shape} differ in shape")
    if scores.dtype != np.float64:
        scores = scores.astype(np.float32, copy=False)
    if mask.dtype == bool:
        mask = mask.view(np.uint8)
    elif mask.dtype != np.uint8:
        raise ValueError(f"mask: expected bool or uint8, got {mask.dtype}")
    elif (other := mask > 1).any() and (wrong := other & (mask != _IGNORED)).any():
        raise ValueError(f"mask: values must be 0, 1 or 255, found {mask[wrong].max()}")
    return scores.ravel(), mask.ravel()


def _finite_range(scores: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """The least and the greatest score of the pixels that count; UserError if one is not finite."""
    low, high = _range(scores, mask)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError("A score map has NaN or infinite values; make the maps again.")
    return low, high


@compiled
def _range(scores: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Least and greatest score of the pixels that count, NaN if one of them is; 0, 0 if none do."""
    low, high, number = np.inf, -np.inf, 0
    for index in range(scores.size):
        if mask[index] != _IGNORED:
            score = scores[index]
            if score != score:
                return np.nan, np.nan
            low, high = min(low, score), max(high, score)
            number += 1
    return (low, high) if number else (0.0, 0.0)


@compiled
def _split(scores: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scores of label 0, and those of label 1, each in their order."""
    zeros, ones = np.empty_like(scores), np.empty_like(scores)
    number_of_zeros = number_of_ones = 0
    for index in range(scores.size):  # without branches: masks are hard to predict
        zeros[number_of_zeros] = ones[number_of_ones] = scores[index]
        number_of_zeros += mask[index] == 0
        number_of_ones += mask[index] == 1
    return zeros[:number_of_zeros].copy(), ones[:number_of_ones].copy()
