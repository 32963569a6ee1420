"""Scaling maps to [0, 1], each by itself."""

import torch
from torch import Tensor


def maximum(maps: Tensor) -> Tensor:
    """Drop what is negative and divide by the maximum (Eq. 2).

    Args:
        maps: (..., h, w), any real numbers.

    Returns:
        (..., h, w) in [0, 1]; a map without a positive value becomes zero.
    """
    return _by_peak(maps.clamp_min(0))


def minmax(maps: Tensor) -> Tensor:
    """Subtract the minimum and divide by the range.

    Args:
        maps: (..., h, w), any real numbers.

    Returns:
        (..., h, w) in [0, 1]; a constant map becomes zero.
    """
    return _by_peak(maps - maps.amin(dim=(-2, -1), keepdim=True))


def _by_peak(maps: Tensor) -> Tensor:
    peak = maps.amax(dim=(-2, -1), keepdim=True)
    return maps / torch.where(peak > 0, peak, 1)
