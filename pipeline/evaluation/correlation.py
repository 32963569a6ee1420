"""Pearson's correlation, where what should be constant may be so but for rounding."""

import numpy as np

_ROUNDING = 1e-9  # numbers that differ less, relative to the largest, are equal


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation of (M,) numbers, in [-1, 1]; NaN where either are all equal."""
    deviations = [values - values.mean() for values in (first, second)]
    for values, deviation in zip((first, second), deviations, strict=True):
        if np.abs(deviation).max() <= _ROUNDING * np.abs(values).max():
            return np.nan
    one, other = (deviation / np.linalg.norm(deviation) for deviation in deviations)
    return float(np.clip(one @ other, -1, 1))
