"""Images of labels and of masks, and boxes as masks."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from pipeline.images import coco_masks, mask_values
from pipeline.images.geometry import stored_part
from pipeline.images.opening import ImageFault, opened
from pipeline.runtime.errors import UserError


def box_foreground(
    boxes: Sequence[float] | np.ndarray, image_size: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """The pixels of the map whose centres lie in one of the boxes.

    Args:
        boxes: 4K numbers x0, y0, x1, y1, image pixels.
        image_size, size: (width, height) of the image and of the map, pixels.

    Returns:
        bool (height, width).
    """
    columns = (np.arange(size[0]) + 0.5) * image_size[0] / size[0]
    rows = (np.arange(size[1]) + 0.5) * image_size[1] / size[1]
    inside = np.zeros(size[::-1], dtype=bool)
    for x0, y0, x1, y1 in np.reshape(np.asarray(boxes, dtype=float), (-1, 4)):
        across, down = (columns >= x0) & (columns < x1), (rows >= y0) & (rows < y1)
        inside |= down[:, None] & across[None, :]
    return inside


def read_label_map(
    path: str | Path, size: tuple[int, int] | None = None, resize: str = "square"
) -> np.ndarray:
    """An image of labels as uint8 (H, W).

    Args:
        path: of the image: grey values or palette indices are the labels.
        size: (width, height) to resize it to, by nearest pixel; None: as it is.
        resize: which part of it, see :func:`pipeline.images.geometry.stored_part`.

    Raises:
        UserError: the file is missing or no image.
    """
    try:
        with opened(path) as image:
            labels = image if image.mode in ("L", "P", "1") else image.convert("L")
            return np.asarray(_resized(labels, size, resize), dtype=np.uint8)
    except (FileNotFoundError, ImageFault) as error:
        raise _unreadable(path, error) from error


class MaskFacts(NamedTuple):
    """What the check wants to know of a mask.

    Attributes:
        size: (width, height), pixels.
        any, all: whether it means a pixel, and whether it means all of them.
        unclear: it is a picture of several values that are all taken as one.
        no_background: its values are told apart by 0 alone, and none is 0.
    """

    size: tuple[int, int]
    any: bool
    all: bool
    unclear: bool
    no_background: bool


def mask_facts(name: str) -> MaskFacts:
    """Read a mask for the check; takes what `read_mask` takes.

    Raises:
        FileNotFoundError, ImageFault: its picture is missing, or none that can be read.
        UserError: its COCO file is missing or has changed.
    """
    meant, unclear, no_background = _meant(name)
    return MaskFacts(
        meant.shape[::-1], bool(meant.any()), bool(meant.all()), unclear, no_background
    )


def read_mask(name: str, size: tuple[int, int] | None = None, resize: str = "square") -> np.ndarray:
    """The pixels that a mask means, as bool (H, W).

    Args:
        name: path of a picture, of which all is meant that is not black; with the values that are
            meant (`pipeline.images.mask_values`); or the name of a COCO file's mask
            (`pipeline.images.coco_masks`).
        size: (width, height) to resize it to, by nearest pixel; None: as it is.
        resize: which part of it, see :func:`pipeline.images.geometry.stored_part`.

    Raises:
        UserError: the file is missing or no mask.
    """
    try:
        meant, *_ = _meant(name)
    except (FileNotFoundError, ImageFault) as error:
        raise _unreadable(file_of(name), error) from error
    return np.asarray(_resized(Image.fromarray(meant.astype(np.uint8)), size, resize)) > 0


def _meant(name: str) -> tuple[np.ndarray, bool, bool]:
    """The pixels that a mask means, and the last two of `MaskFacts`."""
    if coco_masks.is_mask_name(name):
        return coco_masks.read_mask(name).astype(bool), False, False
    path, choice = mask_values.parse(name)
    with opened(path) as image:
        meant = mask_values.select(image, choice)
        unclear = choice is None and mask_values.has_several_values(image)
        return meant, unclear, mask_values.has_no_background(image, choice)


def file_of(name: str) -> Path:
    """The file that holds a mask: the COCO file, or the picture."""
    if coco_masks.is_mask_name(name):
        return coco_masks.coco_file_of(name)
    return Path(mask_values.parse(name)[0])


def _resized(image: Image.Image, size: tuple[int, int] | None, resize: str) -> Image.Image:
    if size is None or image.size == size:
        return image
    part = stored_part(image.size, resize)
    return image.resize(size, Image.Resampling.NEAREST, box=part.box)


def _unreadable(path: str | Path, error: Exception) -> UserError:
    reason = "it is missing" if isinstance(error, FileNotFoundError) else error
    return UserError(f"Cannot read the mask {path}: {reason}. Copy it again.")
