"""Sorting scores: linear in their number, where comparing them is not."""

import numpy as np

from pipeline.runtime.compiled import compiled

_DIGIT_BITS = 11
_DIGITS = 1 << _DIGIT_BITS
_NEGATIVE = 1 << 31  # the sign of a float32


def sorted_scores(scores: np.ndarray) -> np.ndarray:
    """Scores in ascending order.

    Args:
        scores: (P,) float32 or float64, no NaN.

    Returns:
        (P,) of the same type; a zero has no sign.
    """
    if scores.dtype != np.float32:
        return np.sort(scores)
    return _by_digits((scores + np.float32(0)).view(np.uint32)).view(np.float32)


@compiled
def _by_digits(bits: np.ndarray) -> np.ndarray:
    """float32 numbers, given and returned as uint32 bits, sorted by their last digit first.

    The bits of a float, read as a whole number, grow with it; those of a negative one fall.
    """
    keys, other = np.empty_like(bits), np.empty_like(bits)
    places = np.zeros((3, _DIGITS), np.int64)  # of each digit: where the next key with it goes
    for index in range(bits.size):
        key = bits[index] ^ np.uint32(0xFFFFFFFF if bits[index] >= _NEGATIVE else _NEGATIVE)
        keys[index] = key
        for digit in range(3):
            places[digit, (key >> np.uint32(digit * _DIGIT_BITS)) & np.uint32(_DIGITS - 1)] += 1
    for digit in range(3):
        place = 0
        for value in range(_DIGITS):
            number = places[digit, value]
            places[digit, value] = place
            place += number
        shift = np.uint32(digit * _DIGIT_BITS)
        for index in range(keys.size):
            key = keys[index]
            value = (key >> shift) & np.uint32(_DIGITS - 1)
            other[places[digit, value]] = key
            places[digit, value] += 1
        keys, other = other, keys
    for index in range(keys.size):
        keys[index] ^= np.uint32(_NEGATIVE if keys[index] >= _NEGATIVE else 0xFFFFFFFF)
    return keys
