"""The order in which pixels are erased: by attribution, ties in a seeded random order."""

import numpy as np

from pipeline.evaluation.sorting import descending_order
from pipeline.runtime.errors import UserError


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
    _check_finite(score_map)
    shuffled = np.random.default_rng(seed).permutation(score_map.size)
    scores = score_map if score_map.dtype == np.float32 else score_map.astype(np.float64)
    order = descending_order(scores.ravel(), shuffled)
    ranks = np.empty(score_map.size, np.int64)
    ranks[order] = np.arange(score_map.size)
    return ranks.reshape(score_map.shape)


def _check_finite(score_map: np.ndarray) -> None:
    if not np.isfinite(score_map).all():
        raise UserError("a map to rank has NaN or infinite values: compute the maps again.")


def rank_accuracy(scores: np.ndarray, inside: np.ndarray, seed: int) -> float:
    """The share of the K highest scores that lie inside, where K lie (Arras et al., 2022).

    Args:
        scores: finite, of any shape.
        inside: bool of the same shape, true somewhere.
        seed: of the order of equal scores, so that constant ones are drawn at random.

    Returns:
        In [0, 1]; of random or constant scores the share that lies inside, on average.

    Raises:
        UserError: the scores have NaN or infinite values.
    """
    _check_finite(scores)
    number = np.count_nonzero(inside)
    least = np.partition(scores, -number, axis=None)[-number]  # of the K highest
    highest = scores >= least
    if np.count_nonzero(highest) > number:  # chance decides among the lowest of them
        highest = relevance_ranks(scores, seed) < number
    return float(np.count_nonzero(highest & inside) / number)


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
