"""The interval of a mean over seeds: how far it would move with other trainings and other images.

A value of seed s on the images I is modelled as mu + training_s + images_I + both_sI. The spread of
the seeds' values estimates training and both together. Bootstrap replicates of the seeds share
their resamples of the images, so that their covariance estimates what the images do to all seeds
alike. The half-widths of the two intervals, Student's t over the seeds and the bootstrap over the
images, are added in quadrature (Zou and Donner, "Construction of confidence limits about effect
measures", Statistics in Medicine 27, 2008): that is right where one of them
dominates, and rather too long in between.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from pipeline.evaluation.bootstrap import interval


def t_half_width(values: Sequence[float] | np.ndarray, level: float) -> float:
    """Half of Student's t interval for the mean of (S,) values, S at least 2."""
    number = len(values)
    quantile = stdtrit(number - 1, (1 + level) / 2)
    return float(quantile * np.std(values, ddof=1) / np.sqrt(number))


def interval_of_mean(
    values: Sequence[float] | np.ndarray, replicates: np.ndarray, level: float
) -> tuple[float, float] | None:
    """Interval for the mean over seeds, of values that were measured on the same images.

    Args:
        values: (S,), S at least 2.
        replicates: (S, R) of each seed's value, on the same resamples; NaN where it is not defined.
        level: coverage.

    Returns:
        Low and high end; None where no resample has a value of every seed.
    """
    usable = replicates[:, np.isfinite(replicates).all(axis=0)].astype(np.float64)  # (S, r)
    number, resamples = usable.shape
    if not resamples:
        return None
    means = usable.mean(axis=0)  # (r,)
    low, high = interval(means, level)
    variance = means.var()
    # number**2 var(mean) is the sum of all covariances of two seeds, this one's with itself too
    shared = (number**2 * variance - usable.var(axis=1).sum()) / (number * (number - 1))
    part = np.sqrt(np.clip(shared / variance, 0, 1)) if variance > 0 else 0.0
    centre = means.mean()
    return _joined(centre, part * (centre - low), part * (high - centre), values, level)


def interval_of_ends(
    values: Sequence[float] | np.ndarray, ends: Sequence[Sequence[float]] | np.ndarray, level: float
) -> tuple[float, float]:
    """Interval for the mean over seeds that keep no replicates of the same images.

    How far the images move all seeds alike is then not known, and taken as all that the seeds' own
    intervals say: the interval is rather too long.

    Args:
        values: (S,), S at least 2.
        ends: (S, 2) of each seed's interval, over images.
        level: coverage.
    """
    low, high = np.asarray(ends, dtype=np.float64).T
    centres = np.clip(values, low, high)  # an interval that allows for a bias may leave out a value
    return _joined(centres.mean(), (centres - low).mean(), (high - centres).mean(), values, level)


def _joined(
    centre: float,
    below: float,
    above: float,
    values: Sequence[float] | np.ndarray,
    level: float,
) -> tuple[float, float]:
    """An interval over images around its centre, made longer by what the seeds add."""
    half = t_half_width(values, level)
    return float(centre - np.hypot(below, half)), float(centre + np.hypot(above, half))
