"""Masks that are written down in a COCO file, as polygons or run lengths, instead of as pictures.

A record names such a mask by ``FILE.json#DIGEST/PLACE``, the place of its annotation in the file's
list, from 0. The digest of the file is part of the name, so that what was computed from a mask is
out of date once the file changes. The format is that of COCO (Lin et al., "Microsoft COCO: Common
Objects in Context", ECCV 2014), and polygons become pixels as in its own tools (pycocotools).
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as rasteriser

from pipeline.artefacts.files import sha256
from pipeline.images.coco_file import identity, read_content, side
from pipeline.images.opening import LARGEST
from pipeline.runtime.errors import UserError

_MASK = re.compile(r"\.json#[0-9a-f]{16}/\d+$", re.IGNORECASE)
LONGEST = 10_000_000  # pixels of an outline; pycocotools needs memory for each
_BITS = 35  # of a compressed run length: more than LARGEST needs


class Annotated(NamedTuple):
    """An annotation's ``segmentation`` as COCO writes it, and its image's size in pixels."""

    segmentation: Any
    width: int
    height: int


def mask_name(path: str | Path, digest: str, place: int) -> str:
    """What a record calls the mask of the annotation at ``place`` in the file ``path``."""
    return f"{path}#{digest}/{place}"


def file_digest(path: str | Path) -> str:
    """The part of a file's SHA-256 that stands in the names of its masks."""
    return sha256(path)[:16]


def is_mask_name(name: str | Path) -> bool:
    """Whether a mask is an annotation's; else it is a picture's."""
    return _MASK.search(str(name)) is not None


def coco_file_of(name: str) -> Path:
    """The file that holds the mask of an annotation."""
    return Path(name.rpartition("#")[0])


def read_mask(name: str) -> np.ndarray:
    """The mask that `mask_name` names.

    Returns:
        (H, W) uint8 at the image's size, 1 on the object.

    Raises:
        UserError: the file is missing, or is no longer the one that the records were read from.
    """
    digest, _, place = name.rpartition("#")[2].partition("/")
    return pixels(*_annotations(str(coco_file_of(name)), digest)[int(place)])


def pixels(segmentation: Any, width: int, height: int) -> np.ndarray:
    """Draw a segmentation: (H, W) uint8, 1 on the object.

    Args:
        segmentation: a list of polygons, each x0, y0, x1, y1, ... in pixels from the upper left
            corner; or run lengths, ``{"size": [height, width], "counts": ...}``, down the columns,
            background first, as a list of numbers or as COCO's compressed text.
        width, height: of the image, pixels.

    Raises:
        ValueError: it is neither, or describes no picture of this size.
    """
    return np.ascontiguousarray(rasteriser.decode(_encoded(segmentation, width, height)))


def area(segmentation: Any, width: int, height: int) -> int:
    """How many pixels of the object `pixels` would draw; takes the same and raises the same."""
    return int(rasteriser.area(_encoded(segmentation, width, height)))


def corners(segmentation: Any) -> list[np.ndarray]:
    """The polygons of a segmentation: (P, 2) float64 x, y each, pixels.

    Raises:
        ValueError: it is not a list of polygons of at least three corners, or one is endless.
    """
    try:
        polygons = [np.array(flat, dtype=np.float64).reshape(-1, 2) for flat in segmentation]
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("neither polygons x, y, x, y, ... nor run lengths") from error
    if not polygons or any(len(polygon) < 3 for polygon in polygons):
        raise ValueError("a polygon needs three corners")
    if not all(np.isfinite(polygon).all() for polygon in polygons):
        raise ValueError("a corner is not finite")
    outlines = (abs(polygon - np.roll(polygon, 1, axis=0)).sum() for polygon in polygons)
    if sum(outlines) > LONGEST:
        raise ValueError(f"its outline is longer than {LONGEST} pixels")
    return polygons


def _encoded(segmentation: Any, width: int, height: int) -> Any:
    """COCO's own object of a checked segmentation: pycocotools does not check what it reads."""
    if width * height > LARGEST:
        raise ValueError(f"its image would have {width} x {height} pixels")
    if not isinstance(segmentation, dict):
        flat = [polygon.ravel().tolist() for polygon in corners(segmentation)]
        return rasteriser.merge(rasteriser.frPyObjects(flat, height, width))
    if segmentation.get("size") != [height, width]:
        raise ValueError(f"run lengths are not of size [{height}, {width}]")
    counts = segmentation.get("counts")
    runs = _decompressed(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(run) is int for run in runs):
        raise ValueError("run lengths are not whole numbers")
    if min(runs, default=0) < 0 or sum(runs) != width * height:
        raise ValueError(f"run lengths do not add up to {width} x {height} pixels")
    return rasteriser.frPyObjects({"size": [height, width], "counts": runs}, height, width)


def _decompressed(text: str) -> list[int]:
    """COCO's compressed run lengths.

    Each number is written in groups of five bits, the lowest first, as characters from '0' on; a
    sixth bit says that another group follows, and the last group's fifth bit is the sign. From the
    fourth number on it is the difference to the number two places before.

    Raises:
        ValueError: a character is not one of these, or a number does not end.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - 48
        if not 0 <= group < 64 or shift > _BITS:
            raise ValueError("compressed run lengths are damaged")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("compressed run lengths are cut short")
    return counts


@lru_cache(maxsize=2)
def _annotations(path: str, digest: str) -> dict[int, Annotated]:
    """The annotations of a file by place; kept, as a split's masks are read one after the other."""
    try:
        unchanged = file_digest(path) == digest
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. Put the file back.") from error
    if not unchanged:
        raise UserError(f"{path} changed since the records were read. Run the workflow again.")
    content = read_content(Path(path))
    sizes = {
        identity(image["id"]): (side(image["width"]), side(image["height"]))
        for image in content["images"]
    }
    found = {}
    for place, entry in enumerate(content["annotations"]):
        width, height = sizes.get(identity(entry["image_id"]), (None, None))
        if entry.get("segmentation") and width and height:
            found[place] = Annotated(entry["segmentation"], width, height)
    return found
