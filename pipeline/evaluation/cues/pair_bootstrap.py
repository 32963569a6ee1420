"""Bootstrap intervals of mPxAP: class pairs are resampled, then images within each pair.

Each image of a pair is kept as two histograms of its scores, of cue pixels and of others, on bins
that the pair's images share; the PxAP of any resample is then a weighted sum of histograms.
"""

from collections.abc import Mapping

import numpy as np

from pipeline.evaluation.bootstrap import resample_counts
from pipeline.evaluation.histogram import Bins
from pipeline.evaluation.pxap import BIN_EDGES, average_precision
from pipeline.evaluation.sorting import sorted_scores
from pipeline.settings import Bootstrap

BINS = 256


def image_histograms(
    scores: np.ndarray, masks: np.ndarray, thresholds: str
) -> tuple[np.ndarray, np.ndarray]:
    """Histograms of each image of a pair, on bins with equally many of the pair's cue pixels.

    Recall moves by at most 1/256 within a bin, or by what one score holds, so that the PxAP of
    the bins is near the exact one. With binned thresholds the edges are among the thresholds, and
    what these leave out is left out here.

    Args:
        scores: (N, H, W), finite.
        masks: bool (N, H, W).
        thresholds: of :class:`pipeline.evaluation.pxap.PixelAveragePrecision`.

    Returns:
        Counts (N, 2, 256) int64: other pixels, cue pixels, by ascending score; pixels below every
        cue pixel, which do not matter to PxAP, are in no bin. Lower edges of the bins (256,).
        All are zero if there is no cue pixel.
    """
    positives = sorted_scores(scores[masks])
    if thresholds != "exact":
        own = BIN_EDGES[thresholds]
        positives = positives[positives >= own[0]]
    if not len(positives):
        return np.zeros((len(scores), 2, BINS), np.int64), np.zeros(BINS)
    edges = positives[np.arange(BINS) * len(positives) // BINS]
    if thresholds != "exact":
        edges = own[np.searchsorted(own, edges, side="right") - 1]
    flat = (len(scores), -1)
    counts = Bins(edges).count(scores.reshape(flat), masks.reshape(flat).view(np.uint8))
    return counts, edges


def pair_replicates(counts: np.ndarray, bootstrap: Bootstrap, pair: tuple[int, int]) -> np.ndarray:
    """PxAP of resamples of a pair's images.

    Args:
        counts: (N, 2, K) from :func:`image_histograms`.
        bootstrap: replicates and seed.
        pair: ids of the two classes; with the seed they decide the draws, so that every method
            meets the same resamples.

    Returns:
        (R,) float64; NaN where a resample has no cue pixel.
    """
    if not len(counts):
        return np.full(bootstrap.replicates, np.nan)
    rng = np.random.default_rng([bootstrap.seed, *pair])
    others, cues = np.moveaxis(counts.astype(np.float32), 1, 0)  # (N, K) each
    return np.concatenate(
        [
            average_precision(drawn @ cues, drawn @ others)
            for drawn in resample_counts(rng, len(counts), bootstrap.replicates)
        ]
    )


def mean_values(pxap: np.ndarray, n_parts: np.ndarray) -> dict[str, np.ndarray]:
    """mPxAP by number of differing parts and over all pairs (the paper's Table 1).

    Args:
        pxap: (..., P), one value per pair; NaN where it is not defined, which is left out.
        n_parts: (P,) number of differing parts.

    Returns:
        "1", "2", ... (those that occur); "weighted": the mean over all pairs; "unweighted": the
        mean of the means by number of parts. Each (...).
    """
    groups = np.unique(n_parts)
    means = [_mean_of_defined(pxap[..., n_parts == number]) for number in groups]
    return {
        **{str(number): mean for number, mean in zip(groups, means, strict=True)},
        "weighted": _mean_of_defined(pxap),
        "unweighted": _mean_of_defined(np.stack(means, axis=-1)),
    }


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = np.isfinite(values)
    number = defined.sum(axis=-1)
    total = np.where(defined, values, 0).sum(axis=-1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def resampled_means(
    replicates: np.ndarray, n_parts: np.ndarray, bootstrap: Bootstrap
) -> Mapping[str, np.ndarray]:
    """:func:`mean_values` of resamples of pairs, drawn within each number of differing parts.

    Every time that a pair is drawn it comes with a resample of its images of its own.

    Args:
        replicates: (P, R) from :func:`pair_replicates`.
        n_parts: (P,).

    Returns:
        As :func:`mean_values`, each (R,).
    """
    rng = np.random.default_rng(bootstrap.seed)
    pairs, number = replicates.shape
    drawn = np.empty((number, pairs), dtype=np.int64)  # (R, P)
    for group in np.unique(n_parts):
        members = np.flatnonzero(n_parts == group)
        drawn[:, members] = rng.choice(members, size=(number, len(members)))
    resamples = rng.integers(number, size=(number, pairs))
    return mean_values(replicates[drawn, resamples], n_parts)
