"""Images of labels and of masks, and boxes as masks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.images.coco_masks import is_mask_name, read_mask
from pipeline.images.geometry import stored_part
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
    """An image of labels or of a mask as uint8 (H, W).

    Args:
        path: of the image, or the name of a COCO file's mask (`pipeline.images.coco_masks`).
        size: (width, height) to resize it to, by nearest pixel; None: as it is.
        resize: which part of it, see :func:`pipeline.images.geometry.stored_part`.

    Raises:
        UserError: the file is missing or no image.
    """
    try:
        with _open(path) as opened:
            image = opened if opened.mode in ("L", "P", "1") else opened.convert("L")
            if size is not None and image.size != size:
                part = stored_part(image.size, resize)
                image = image.resize(size, Image.Resampling.NEAREST, box=part.box)
            return np.asarray(image, dtype=np.uint8)
    except OSError as error:
        raise UserError(f"Cannot read the mask {path}: {error}. Copy it again.") from error


def _open(path: str | Path) -> Image.Image:
    if is_mask_name(path):
        return Image.fromarray(read_mask(str(path)))
    return Image.open(path)
