"""Accuracy with relevant pixels erased, relative to random erasing (section 5.3)."""

from collections.abc import Sequence

import numpy as np


def relative_accuracy(
    erased: np.ndarray, random: np.ndarray, fractions: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """R_k (section 5.3) and the area under it.

    Args:
        erased: (..., K) accuracies with relevant pixels erased.
        random: (..., K) accuracies with random pixels erased.
        fractions: K, ascending.

    Returns:
        (..., K), NaN where the random accuracy is zero; and (...), the area by trapezoids over the
        range of the fractions, NaN where any R_k is.
    """
    defined = random > 0
    relative = np.where(defined, erased / np.where(defined, random, 1), np.nan)
    if len(fractions) == 1:
        return relative, relative[..., 0]
    area = np.trapezoid(relative, fractions, axis=-1) / (fractions[-1] - fractions[0])
    return relative, area
