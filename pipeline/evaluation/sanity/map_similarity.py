"""How similar two attribution maps are: rank correlation and structural similarity."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from pipeline.images.scaling import minmax

METRICS = ("spearman", "abs_spearman", "ssim")

_WINDOW, _SIGMA = 11, 1.5  # of the Gaussian window, pixels (Wang et al., 2004)
_K1, _K2 = 0.01, 0.03


def similarities(original: Tensor, changed: Tensor) -> np.ndarray:
    """How similar maps are to the original ones, at their own resolution.

    Args:
        original, changed: (B, h, w).

    Returns:
        (3, B) in the order of `METRICS`: the rank correlation of the values and of their sizes,
        NaN where a map is constant; SSIM of the maps stretched to [0, 1], a constant one to 0.
    """
    return np.stack(
        [
            spearman(original, changed),
            spearman(original.abs(), changed.abs()),
            ssim(minmax(original), minmax(changed)),
        ]
    )


def spearman(first: Tensor, second: Tensor) -> np.ndarray:
    """Spearman's rank correlation of the values of two maps; equal values share their mean rank.

    Args:
        first, second: (B, h, w), any real numbers.

    Returns:
        (B,) float64 in [-1, 1]; NaN where either map is constant, which has no ranks.
    """
    a, b = _centred_ranks(first), _centred_ranks(second)  # (hw, B)
    norm = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))  # (B,)
    correlation = (a * b).sum(axis=0) / np.where(norm > 0, norm, np.nan)
    return np.clip(correlation, -1, 1)


def _centred_ranks(maps: Tensor) -> np.ndarray:
    """(B, h, w) -> (hw, B), ranks minus their mean."""
    ranks = pd.DataFrame(maps.cpu().flatten(1).numpy().T).rank().to_numpy()
    return ranks - ranks.mean(axis=0)


def ssim(first: Tensor, second: Tensor) -> np.ndarray:
    """Mean structural similarity of maps (Wang et al., IEEE Trans. Image Processing, 2004).

    A Gaussian window of 11 x 11 pixels, sigma 1.5, where it lies within the map; on a smaller map
    the largest odd window that fits.

    Args:
        first, second: (B, h, w) in [0, 1].

    Returns:
        (B,) float64 in [-1, 1]; 1 for equal maps.
    """
    first, second = first.cpu().double()[:, None], second.cpu().double()[:, None]  # (B, 1, h, w)
    window = _gaussian_window(min(_WINDOW, *first.shape[2:]))

    def mean(maps: Tensor) -> Tensor:
        return conv2d(maps, window)  # (B, 1, h', w')

    mean_a, mean_b = mean(first), mean(second)
    variance_a = mean(first * first) - mean_a**2
    variance_b = mean(second * second) - mean_b**2
    covariance = mean(first * second) - mean_a * mean_b
    c1, c2 = _K1**2, _K2**2  # the maps' range is 1
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return similarity.mean(dim=(1, 2, 3)).numpy()


def _gaussian_window(side: int) -> Tensor:
    """(1, 1, n, n), summing to 1, for the largest odd n up to ``side``."""
    half = (side - 1) // 2
    weights = torch.exp(-(torch.arange(-half, half + 1).double() ** 2) / (2 * _SIGMA**2))
    window = weights[:, None] * weights
    return (window / window.sum())[None, None]
