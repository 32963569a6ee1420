"""Masks that are written down in a COCO file, as polygons or run lengths, instead of as pictures.

A record names such a mask by ``FILE.json#DIGEST/ANNOTATION``. The digest of the file is part of the
name, so that what was computed from a mask is out of date once the file changes. The format is that
of COCO (Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014).
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.path import Path as Outline

from pipeline.artefacts.files import sha256
from pipeline.runtime.errors import UserError

_MARK = ".json#"


class Annotated(NamedTuple):
    """An annotation's ``segmentation`` as COCO writes it, and its image's size in pixels."""

    segmentation: Any
    width: int
    height: int


def mask_name(path: str | Path, digest: str, annotation: int) -> str:
    """What a record calls the mask of an annotation of the file ``path``."""
    return f"{path}#{digest}/{annotation}"


def file_digest(path: str | Path) -> str:
    """The part of a file's SHA-256 that stands in the names of its masks."""
    return sha256(path)[:16]


def is_mask_name(name: str | Path) -> bool:
    """Whether a mask is an annotation's; else it is the path of a picture."""
    return _MARK in str(name)


def file_of(name: str | Path) -> Path:
    """The file that holds a mask: the COCO file, or the picture itself."""
    text = str(name)
    return Path(text.rpartition("#")[0] if is_mask_name(text) else text)


def read_mask(name: str) -> np.ndarray:
    """The mask that `mask_name` names.

    Returns:
        (H, W) uint8 at the image's size, 1 on the object.

    Raises:
        UserError: the file is missing, or is no longer the one that the records were read from.
    """
    digest, _, annotation = name.rpartition("#")[2].partition("/")
    return pixels(*_annotations(str(file_of(name)), digest)[int(annotation)])


def pixels(segmentation: Any, width: int, height: int) -> np.ndarray:
    """Draw a segmentation: (H, W) uint8, 1 on the object.

    Args:
        segmentation: a list of polygons, each x0, y0, x1, y1, ... in pixels from the upper left
            corner, of which a pixel is part if its centre lies inside one; or run lengths,
            ``{"size": [height, width], "counts": ...}``, down the columns, background first,
            as a list of numbers or as COCO's compressed text.
        width, height: of the image, pixels.

    Raises:
        ValueError: it is neither, or describes no picture of this size.
    """
    if isinstance(segmentation, dict):
        counts = segmentation.get("counts")
        runs = _decompressed(counts) if isinstance(counts, str) else counts
        if segmentation.get("size") != [height, width] or not isinstance(runs, list):
            raise ValueError(f"run lengths are not of size [{height}, {width}]")
        if min(runs, default=0) < 0 or sum(runs) != width * height:
            raise ValueError(f"run lengths do not add up to {width} x {height} pixels")
        values = np.arange(len(runs)) % 2  # background, object, background, ...
        return np.repeat(values, runs).reshape(width, height).T.astype(np.uint8)
    mask = np.zeros((height, width), np.uint8)
    for polygon in corners(segmentation):
        _fill(mask, polygon)
    return mask


def corners(segmentation: Any) -> list[np.ndarray]:
    """The polygons of a segmentation: (P, 2) float64 x, y each, pixels.

    Raises:
        ValueError: it is no list of polygons of at least three corners.
    """
    try:
        polygons = [np.array(flat, dtype=np.float64).reshape(-1, 2) for flat in segmentation]
    except (TypeError, ValueError) as error:
        raise ValueError("neither polygons x, y, x, y, ... nor run lengths") from error
    if not polygons or any(len(polygon) < 3 for polygon in polygons):
        raise ValueError("a polygon needs three corners")
    if not all(np.isfinite(polygon).all() for polygon in polygons):
        raise ValueError("a corner is not finite")
    return polygons


def _fill(mask: np.ndarray, polygon: np.ndarray) -> None:
    """Set the pixels of ``mask`` (H, W) whose centres lie in ``polygon`` (P, 2), in place."""
    limit = np.array(mask.shape[::-1])
    first = np.clip(np.floor(polygon.min(axis=0)), 0, limit).astype(int)
    last = np.clip(np.ceil(polygon.max(axis=0)), first, limit).astype(int)
    across, down = (np.arange(a, b) + 0.5 for a, b in zip(first, last, strict=True))
    x, y = np.meshgrid(across, down)  # (h, w) each: the polygon's bounding box alone
    inside = Outline(polygon).contains_points(np.column_stack([x.ravel(), y.ravel()]))
    mask[first[1] : last[1], first[0] : last[0]] |= inside.reshape(x.shape)


def _decompressed(text: str) -> list[int]:
    """COCO's compressed run lengths.

    Each number is written in groups of five bits, the lowest first, as characters from '0' on; a
    sixth bit says that another group follows, and the last group's fifth bit is the sign. From the
    fourth number on it is the difference to the number two places before.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - 48
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts


@lru_cache(maxsize=2)
def _annotations(path: str, digest: str) -> dict[int, Annotated]:
    """The annotations of a file by id; kept, since a split's masks are read one after the other."""
    try:
        unchanged = file_digest(path) == digest
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. Put the file back.") from error
    if not unchanged:
        raise UserError(f"{path} changed since the records were read. Run the workflow again.")
    content = json.loads(Path(path).read_text())
    images = {image["id"]: image for image in content["images"]}
    return {
        entry["id"]: Annotated(
            entry["segmentation"],
            images[entry["image_id"]]["width"],
            images[entry["image_id"]]["height"],
        )
        for entry in content["annotations"]
        if entry.get("segmentation")
    }
