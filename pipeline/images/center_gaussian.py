"""The map that looks at no image: a Gaussian around the middle of the square."""

import numpy as np


def center_gaussian(size: int) -> np.ndarray:
    """A Gaussian around the middle, the baseline of localisation.

    Its level sets are discs, so its boxes are squares about the centre of every size. The width
    (a quarter of the side) does not matter beyond rounding: the threshold is chosen afterwards.

    Returns:
        (size, size) float64 in [0, 1].
    """
    offset = (np.arange(size) - (size - 1) / 2) / (size / 4)  # in standard deviations
    gaussian = np.exp(-(offset[:, None] ** 2 + offset[None, :] ** 2) / 2)
    return (gaussian - gaussian.min()) / np.ptp(gaussian)
