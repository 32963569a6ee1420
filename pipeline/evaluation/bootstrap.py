"""Percentile bootstrap: how far a score would move with other test images.

A replicate draws as many units (images, class pairs) as there are, with replacement. It is
described by how often each unit was drawn, so that a statistic that is a sum over units becomes
a matrix product of these counts with the units' contributions.
"""

from collections.abc import Iterator

import numpy as np

from pipeline.settings import Bootstrap

_CHUNK_DRAWS = 2_000_000  # draws held at once: bounds the memory to some tens of MB


def resample_counts(rng: np.random.Generator, units: int, replicates: int) -> Iterator[np.ndarray]:
    """Yield, in chunks of replicates, how often each unit was drawn.

    Args:
        rng: the source of the draws; its state decides the result, the chunks do not.
        units: number of units, at least 1; every replicate draws this many.
        replicates: number of replicates over all chunks.

    Yields:
        (r, units) float32 of whole numbers, rows summing to ``units``; the r add up to
        ``replicates``.

    Raises:
        ValueError: ``units`` is not positive.
    """
    if units < 1:
        raise ValueError("a bootstrap needs at least one unit")
    rows = max(1, _CHUNK_DRAWS // units)
    for start in range(0, replicates, rows):
        count = min(rows, replicates - start)
        drawn = rng.integers(units, size=(count, units))  # (r, units)
        drawn += units * np.arange(count)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=count * units)
        yield counts.reshape(count, units).astype(np.float32)


def replicated_means(values: np.ndarray, bootstrap: Bootstrap) -> np.ndarray:
    """Means over units in every bootstrap replicate.

    Args:
        values: (N, ...) one row per unit, e.g. hits (N,) or hits at K thresholds (N, K).
        bootstrap: number of replicates and seed.

    Returns:
        (R, ...) float64.

    Raises:
        ValueError: there is no unit.
    """
    values = np.asarray(values)
    table = values.reshape(len(values), -1).astype(np.float32)  # (N, K)
    rng = np.random.default_rng(bootstrap.seed)
    sums = [counts @ table for counts in resample_counts(rng, len(table), bootstrap.replicates)]
    means = np.concatenate(sums).astype(np.float64) / len(table)  # (R, K)
    return means.reshape(bootstrap.replicates, *values.shape[1:])


def bootstrap(
    values: np.ndarray, *, replicates: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of a mean over units.

    Args:
        values: (N,) one finite number per unit (image), such as 1 where a prediction is right.
        replicates: number of resamples.
        level: coverage, in (0, 1).
        seed: of the resampling.

    Returns:
        Lower and upper end, in the units of ``values``.

    Raises:
        ValueError: there is no unit, or ``values`` is not one number per unit.
    """
    values = np.asarray(values)
    if values.ndim != 1:
        raise ValueError(f"values: expected (N,), got {values.shape}")
    options = Bootstrap(replicates=replicates, level=level, seed=seed)
    return interval(replicated_means(values, options), level)


def interval(replicates: np.ndarray, level: float) -> tuple[float, float]:
    """Percentile interval of coverage ``level``: the outer quantiles of (R,) replicates."""
    outside = (1 - level) / 2
    low, high = np.quantile(np.asarray(replicates, dtype=np.float64), [outside, 1 - outside])
    return float(low), float(high)


def defined_interval(replicates: np.ndarray, level: float) -> tuple[float, float] | None:
    """Interval of the replicates (R,) in which the value is defined; None where it is in none.

    A resample of few images may hold no cue pixel, so that nothing is measured in it.
    """
    usable = replicates[np.isfinite(replicates)]
    return interval(usable, level) if usable.size else None
