"""The order in which pixels are erased: by attribution, ties in a seeded random order."""

import numpy as np

from pipeline.errors import UserError


def relevance_ranks(score_map: np.ndarray, seed: int = 0) -> np.ndarray:
    """The rank of every pixel: 0 for the most relevant, H W - 1 for the least.

    One sort serves every fraction and both orders: the top k pixels are ``ranks < k``, the bottom
    k are ``ranks >= H W - k``.

    Args:
        score_map: (H, W), finite.
        seed: of the order of equal pixels.

    Returns:
        (H, W) int64.

    Raises:
        UserError: the map has NaN or infinite values.
    """
    if not np.isfinite(score_map).all():
        raise UserError("a map to erase by has NaN or infinite values: compute the maps again.")
    shuffled = np.random.default_rng(seed).permutation(score_map.size)
    order = shuffled[np.argsort(-score_map.ravel()[shuffled], kind="stable")]
    ranks = np.empty(score_map.size, np.int64)
    ranks[order] = np.arange(score_map.size)
    return ranks.reshape(score_map.shape)


def random_ranks(shape: tuple[int, int], seed: int) -> np.ndarray:
    """A random order of the pixels: (H, W) int64."""
    return np.random.default_rng(seed).permutation(shape[0] * shape[1]).reshape(shape)


def erased_count(fraction: float, pixels: int) -> int:
    """How many of ``pixels`` a fraction is: rounded to the nearest whole number, halves to even.

    Raises:
        ValueError: the fraction is not in [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must be in [0, 1], not {fraction}")
    return round(fraction * pixels)
