"""Maps on the pixels of the image that they explain.

The sampling is PyTorch's ``interpolate`` with ``align_corners=False`` and without antialiasing:
pixel i of the result lies at (i + 1/2) * length / size - 1/2 of the map, half-pixel centres, and
the map goes on beyond its border with the border's values. It is written in NumPy because the
stages that only read stored maps would otherwise import PyTorch, which takes longer than their
work.
"""

import numpy as np

# of a map's largest size: what enlarging leaves between values that should be equal
ROUNDING = 1e-9
_CUBIC = -0.75  # Keys' parameter of the bicubic kernel, as PyTorch and OpenCV have it


def upsampled(maps: np.ndarray, size: int) -> np.ndarray:
    """Maps resized bilinearly to the image's size; those that have it are unchanged.

    Args:
        maps: (B, h, w), any real numbers.
        size: side of the image, pixels.

    Returns:
        (B, size, size) float64: probabilities of single locations can be near float32's smallest
        number.
    """
    return resized(np.asarray(maps, np.float64), (size, size))


def resized(maps: np.ndarray, size: tuple[int, int], mode: str = "bilinear") -> np.ndarray:
    """Maps resized to any height and width, in their own precision.

    Args:
        maps: (B, h, w) floating point.
        size: height and width of the result, pixels.
        mode: ``"bilinear"`` or ``"bicubic"``.

    Returns:
        (B, H, W) of the same dtype; ``maps`` themselves where they have the size.
    """
    if maps.shape[1:] == size:
        return maps
    down = _along(maps, _taps(maps.shape[1], size[0], mode, maps.dtype), axis=1)  # (B, H, w)
    return _along(down, _taps(maps.shape[2], size[1], mode, maps.dtype), axis=2)  # (B, H, W)


def without_rounding(values: np.ndarray) -> np.ndarray:
    """The values of an enlarged map, all equal where it was constant before."""
    constant = np.ptp(values) <= ROUNDING * np.abs(values).max()
    return np.full_like(values, values.flat[0]) if constant else values


def _along(maps: np.ndarray, taps: tuple[np.ndarray, np.ndarray], axis: int) -> np.ndarray:
    """The weighted sum of the T neighbours of each new position of one axis."""
    shape = (-1, 1) if axis == 1 else (-1,)
    total: np.ndarray | None = None
    for places, weights in zip(*taps, strict=True):
        part = maps.take(places, axis=axis)
        part *= weights.reshape(shape)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None  # there are two taps or four
    return total


def _taps(length: int, size: int, mode: str, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Which positions of a map's axis make each new position: indices and weights, (T, size)."""
    places = (np.arange(size) + 0.5) * (length / size) - 0.5
    if mode == "bilinear":
        places = places.clip(0)
    first = np.floor(places).astype(np.int64)
    offset = places - first  # in [0, 1)
    if mode == "bilinear":
        indices = np.stack([first, first + 1])
        weights = np.stack([1 - offset, offset])
    else:
        indices = first + np.arange(-1, 3)[:, None]
        weights = np.stack([_far(1 + offset), _near(offset), _near(1 - offset), _far(2 - offset)])
    return indices.clip(0, length - 1), weights.astype(dtype)


def _near(distance: np.ndarray) -> np.ndarray:
    """The bicubic kernel up to a distance of 1."""
    return ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance * distance + 1


def _far(distance: np.ndarray) -> np.ndarray:
    """The bicubic kernel from a distance of 1 to 2."""
    return ((distance - 5) * distance + 8) * distance * _CUBIC - 4 * _CUBIC
