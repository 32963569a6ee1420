"""Sorting scores by their digits: linear in their number, where comparing them is not."""

import numpy as np

from pipeline.runtime.compiled import compiled

_DIGIT_BITS = 11
_DIGITS = 1 << _DIGIT_BITS


def sorted_scores(scores: np.ndarray) -> np.ndarray:
    """Scores in ascending order.

    Args:
        scores: (P,) float32 or float64, no NaN.

    Returns:
        (P,) of the same type; a zero has no sign.
    """
    sign = _sign(scores.dtype)
    keys = _sorted(_keys(scores))
    return _ordered((keys ^ sign).view(f"i{keys.itemsize}")).view(scores.dtype)


def descending_order(scores: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The places of scores, from the highest down.

    Args:
        scores: (P,) float32 or float64, no NaN.
        first: (P,) int64, all places in some order: of equal scores those that come first in it
            stay first. It is overwritten.

    Returns:
        (P,) int64.
    """
    return _places(~_keys(scores), first)


def _keys(scores: np.ndarray) -> np.ndarray:
    """(P,) unsigned whole numbers of the same size that grow with the scores.

    Adding zero makes -0 the equal of 0.
    """
    bits = (scores + scores.dtype.type(0)).view(f"i{scores.dtype.itemsize}")
    return _ordered(bits).view(f"u{scores.dtype.itemsize}") ^ _sign(scores.dtype)


def _ordered(bits: np.ndarray) -> np.ndarray:
    """The bits of floats, as signed whole numbers, so that these grow with the floats; its inverse.

    The bits of a float grow with it; those of a negative one fall, all but the sign.
    """
    top = bits.dtype.itemsize * 8 - 1
    return bits ^ ((bits >> top) & np.iinfo(bits.dtype).max)


def _sign(dtype: np.dtype) -> np.unsignedinteger:
    return np.dtype(f"u{dtype.itemsize}").type(1 << (dtype.itemsize * 8 - 1))


@compiled
def _sorted(keys: np.ndarray) -> np.ndarray:
    """The keys (overwritten), ascending, by their last digit first."""
    other = np.empty_like(keys)
    for shift in range(0, keys.itemsize * 8, _DIGIT_BITS):
        places = _starts(keys, shift)
        for index in range(keys.size):
            digit = (keys[index] >> keys.dtype.type(shift)) & keys.dtype.type(_DIGITS - 1)
            other[places[digit]] = keys[index]
            places[digit] += 1
        keys, other = other, keys
    return keys


@compiled
def _places(keys: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The places ``order`` (overwritten), by key; of equal keys the first stays first."""
    other = np.empty_like(order)
    for shift in range(0, keys.itemsize * 8, _DIGIT_BITS):
        places = _starts(keys, shift)
        for index in order:
            digit = (keys[index] >> keys.dtype.type(shift)) & keys.dtype.type(_DIGITS - 1)
            other[places[digit]] = index
            places[digit] += 1
        order, other = other, order
    return order


@compiled
def _starts(keys: np.ndarray, shift: int) -> np.ndarray:
    """(2048,) int64, of each value of a digit: where the first key with it goes."""
    starts = np.zeros(_DIGITS, np.int64)
    for index in range(keys.size):
        starts[(keys[index] >> keys.dtype.type(shift)) & keys.dtype.type(_DIGITS - 1)] += 1
    place = 0
    for digit in range(_DIGITS):
        number = starts[digit]
        starts[digit] = place
        place += number
    return starts
