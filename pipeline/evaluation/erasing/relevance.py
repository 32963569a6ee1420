"""The order in which pixels are erased: by attribution, ties in a seeded random order."""

import numpy as np

from pipeline.runtime.compiled import compiled
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
    order = _sorted_by(*_descending_keys(score_map.ravel()), shuffled)
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


def _descending_keys(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Whole numbers (uint64) that are smaller where a value is greater, and their number of bits.

    The bits of a float, read as a whole number, grow with it; those of a negative one fall. Adding
    zero makes -0 the equal of 0.
    """
    if values.dtype == np.float32:
        bits, size = (values + np.float32(0)).view(np.uint32).astype(np.uint64), 32
    else:
        bits, size = (values.astype(np.float64) + 0.0).view(np.uint64), 64
    sign = np.uint64(1 << (size - 1))
    return np.where(bits < sign, sign - np.uint64(1) - bits, bits), size


@compiled
def _sorted_by(keys: np.ndarray, bits: int, order: np.ndarray) -> np.ndarray:
    """The indices ``order`` (overwritten), sorted by key; of equal keys the first stays first.

    Digit by digit, the last one first: linear in the pixels, where comparing is not.
    """
    other = np.empty_like(order)
    digit_bits, digits = np.uint64(11), np.uint64(2047)
    shift = np.uint64(0)
    while shift < bits:
        places = np.zeros(2049, np.int64)  # where the next key with this digit goes
        for index in order:
            places[((keys[index] >> shift) & digits) + np.uint64(1)] += 1
        places = np.cumsum(places)
        for index in order:
            digit = (keys[index] >> shift) & digits
            other[places[digit]] = index
            places[digit] += 1
        order, other = other, order
        shift += digit_bits
    return order


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
