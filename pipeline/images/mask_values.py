"""Which pixels of a mask are meant: the picture's path, and the values that count.

A record names a mask by its path, of which every pixel that is not black is meant, or by
``PATH#KIND=VALUES`` or ``PATH#KIND!=VALUES``: the pixels with one of the values, or those that are
neither 0 nor one of them. KIND is ``value`` (grey value, or index of a palette) or ``red_green``
(red + 256 green, as in ImageNet-S).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import Image

from pipeline.images.opening import ImageFault, is_sixteen_bit, orientation

KINDS = ("value", "red_green")
_COLOURS = ("LA", "RGB", "RGBA", "RGBX", "CMYK")  # Pillow reads their 16 bits as the high 8
_CHOICE = re.compile(rf"#({'|'.join(KINDS)})(!?=)([\d,]*)$")


class Choice(NamedTuple):
    """The pixels of a mask that are meant: those of ``values``, or all others but 0."""

    kind: str
    values: tuple[int, ...]
    others: bool


def chosen(path: str, kind: str, values: Iterable[int], *, others: bool = False) -> str:
    """The name of the pixels of ``path`` that have, or do not have, one of the values."""
    return f"{path}#{kind}{'!=' if others else '='}{','.join(map(str, values))}"


def parse(name: str) -> tuple[str, Choice | None]:
    """The path of a mask, and the values that are meant; None where it is all but black."""
    match = _CHOICE.search(name)
    if match is None:
        return name, None
    kind, sign, values = match.groups()
    numbers = tuple(int(value) for value in values.split(",") if value)
    return name[: match.start()], Choice(kind, numbers, sign == "!=")


def select(image: Image.Image, choice: Choice | None) -> np.ndarray:
    """The pixels of an open mask that are meant: bool (H, W).

    Args:
        image: not yet decoded.
        choice: what is meant.

    Raises:
        ImageFault: a coloured picture is asked for its grey values, or the picture has values that
            cannot be read as they are, or several pages.
    """
    if getattr(image, "is_animated", False):
        raise ImageFault("it holds several pictures: write the union of the masks into one")
    # first, since a PNG is decoded to find its orientation
    if image.mode in _COLOURS and any(";16" in str(tile) for tile in getattr(image, "tile", ())):
        raise ImageFault(
            "its colours have 16 bits per channel, of which 8 would be read: save it in grey or "
            "with 8 bits"
        )
    if (turn := orientation(image)) != 1:
        raise ImageFault(
            f"its header asks for it to be turned (EXIF orientation {turn}): save it turned, "
            "without that tag"
        )
    if choice is None:
        return _not_black(image)
    values = _numbers(image, choice.kind)
    if choice.others:
        return (values != 0) & ~np.isin(values, choice.values)
    return np.isin(values, choice.values)


def has_several_values(image: Image.Image) -> bool:
    """Whether the pixels that are not black differ: the picture may tell more than object or not.

    A palette's indices are compared as they are, colours by all channels.
    """
    if image.mode == "P" or _is_grey(image):
        values = np.asarray(image).ravel()
    else:
        channels = np.asarray(image.convert("RGB"), dtype=np.int64)
        values = (channels @ [1, 256, 65536]).ravel()
    found = values[values > 0]
    return found.size > 0 and bool((found != found[0]).any())


def has_no_background(image: Image.Image, choice: Choice | None) -> bool:
    """Whether values are told apart by 0 alone, of several values, and no pixel is 0."""
    if choice is None:
        return has_several_values(image) and bool(_not_black(image).all())
    if not choice.others:
        return False
    values = _numbers(image, choice.kind)
    return bool((values != 0).all()) and len(np.unique(values)) > 1


def _is_grey(image: Image.Image) -> bool:
    """Whether it has one channel, of whole numbers of up to 32 bits or of floating point."""
    return image.mode in ("1", "L", "I", "F") or is_sixteen_bit(image)


def _values(image: Image.Image) -> np.ndarray:
    """The values of a picture of one channel as they are in the file: (H, W), at least 0."""
    values = np.asarray(image)
    if not (values >= 0).all():  # also where they are NaN
        raise ImageFault("it has values below 0 or none (NaN): write 0 where there is no object")
    return values


def _not_black(image: Image.Image) -> np.ndarray:
    """Pixels of which any channel is above 0; of colours those that are not transparent.

    A palette's index counts, as is usual for masks, unless index 0 is not black: programs that
    shrink PNG files reorder palettes.
    """
    black_first = image.mode == "P" and not any((image.getpalette() or [0])[:3])
    if black_first or _is_grey(image):
        return _values(image) > 0
    pixels = np.asarray(image.convert("RGBA"))
    return (pixels[..., :3] > 0).any(axis=-1) & (pixels[..., 3] > 0)


def _numbers(image: Image.Image, kind: str) -> np.ndarray:
    """The number that each pixel stands for: (H, W) int64."""
    if kind == "red_green":
        pixels = np.asarray(image.convert("RGB"), dtype=np.int64)
        return pixels[..., 0] + 256 * pixels[..., 1]
    if image.mode == "P" or _is_grey(image):
        values = _values(image)
        if (values % 1).any():
            raise ImageFault("its values are no whole numbers, and `mask_values` asks for such")
        return values.astype(np.int64)
    pixels = np.asarray(image.convert("RGB"), dtype=np.int64)
    if (pixels != pixels[..., :1]).any():
        raise ImageFault(
            "it is coloured, and `mask_values` asks for grey values; ids in colours are read with "
            "`pixel: red_green`"
        )
    return pixels[..., 0]
