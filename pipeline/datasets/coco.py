"""Boxes and masks of one's own images from a COCO file (JSON with images, annotations, categories).

An annotation belongs to its image if its category is the image's class, or if its category bears
the name of no class at all, such as "object". Those of other classes, and crowds, are counted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.datasets.check import BOX_TOLERANCE, Problems
from pipeline.images.coco_masks import corners, file_digest, mask_name, pixels
from pipeline.runtime.errors import UserError

# The keys of every entry that are needed, by list.
KEYS = {
    "images": ("id", "file_name", "width", "height"),
    "annotations": ("id", "image_id", "category_id"),
    "categories": ("id", "name"),
}


@dataclass
class Annotations:
    """What a COCO file says about the images of a data set.

    Attributes:
        boxes: image id -> 4 K numbers x0, y0, x1, y1, pixels.
        masks: image id -> names of its masks, see `pipeline.images.coco_masks`.
        sizes: image id -> (width, height) of the annotated image, pixels.
        skipped: annotations that are not used, by reason.
    """

    boxes: dict[str, list[float]] = field(default_factory=dict)
    masks: dict[str, list[str]] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    skipped: dict[str, int] = field(
        default_factory=lambda: {"annotations_of_other_classes": 0, "crowds": 0}
    )


def read_coco(
    path: Path, class_of: Mapping[str, str], problems: Problems, *, masks: bool
) -> Annotations:
    """Read and check a COCO file.

    Args:
        path: of the file.
        class_of: image id (path below the root) -> name of its class, of all images. An image is
            found by its ``file_name``, or by the end of its id where only one image's ends so.
        problems: where unknown images and malformed annotations are noted.
        masks: read the ``segmentation`` of every annotation; else its ``bbox``.

    Raises:
        UserError: the file is missing or no COCO file.
    """
    content = _content(path)
    found = Annotations()
    image_ids = _image_ids(content["images"], path, class_of, problems)
    for entry in content["images"]:
        if entry["id"] in image_ids:
            size = int(entry["width"]), int(entry["height"])
            found.sizes[image_ids[entry["id"]]] = size
    names = {entry["id"]: entry["name"] for entry in content["categories"]}
    listed = {entry["id"] for entry in content["images"]}
    classes = set(class_of.values())
    digest = file_digest(path)
    seen: set[int] = set()
    for entry in content["annotations"]:
        here = f"{path}: annotation {entry['id']}"
        if entry["id"] in seen:
            problems.add("annotation id occurs twice", here)
        seen.add(entry["id"])
        if entry["image_id"] not in listed:
            problems.add("annotation is of no image in its file", here)
        image_id = image_ids.get(entry["image_id"])
        if image_id is None:
            continue
        category = names.get(entry["category_id"])
        if category in classes and category != class_of[image_id]:
            found.skipped["annotations_of_other_classes"] += 1
        elif entry.get("iscrowd"):
            found.skipped["crowds"] += 1
        elif not masks:
            if box := _box(entry.get("bbox"), f"{here}, {image_id}", problems):
                found.boxes.setdefault(image_id, []).extend(box)
        elif fault := _fault(entry.get("segmentation"), found.sizes[image_id]):
            problems.add("mask cannot be drawn", f"{here}, {image_id}: {fault}")
        else:
            name = mask_name(path, digest, entry["id"])
            found.masks.setdefault(image_id, []).append(name)
    return found


def check_sizes(
    images: pd.DataFrame, sizes: Mapping[str, tuple[int, int]], problems: Problems
) -> None:
    """Note images (rows of ``image_id``, ``width``, ``height``) annotated at another size."""
    problems.add(
        "image was annotated at another size; scale the annotations, or annotate it again",
        *(
            f"{row.image_id}: {row.width} x {row.height}, annotated at {width} x {height}"
            for row in images.itertuples()
            for width, height in [sizes.get(row.image_id, (row.width, row.height))]
            if row.width and (row.width, row.height) != (width, height)
        ),
    )


def _content(path: Path) -> dict[str, Any]:
    """The parsed file, with all keys of `KEYS`."""
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"Cannot read the annotations {path}: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"The annotations {path} are not valid JSON ({error}).") from error
    for name, keys in KEYS.items():
        entries = content.get(name) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise UserError(f"{path} is no COCO file: it has no list '{name}'.")
        for place, entry in enumerate(entries):
            missing = [key for key in keys if not isinstance(entry, dict) or key not in entry]
            if missing:
                raise UserError(f"{path} is no COCO file: {name}[{place}] lacks {missing[0]!r}.")
    return content


def _image_ids(
    entries: list[dict[str, Any]], path: Path, class_of: Mapping[str, str], problems: Problems
) -> dict[Any, str]:
    """The file's own image ids -> ours; images that are not there are noted."""
    by_name: dict[str, list[str]] = {}
    for image_id in class_of:
        by_name.setdefault(Path(image_id).name, []).append(image_id)
    found: dict[Any, str] = {}
    unknown: list[str] = []
    doubtful: list[str] = []
    for entry in entries:
        name = entry["file_name"].replace("\\", "/").removeprefix("./")
        same_name = by_name.get(Path(name).name, [])
        ends = [image_id for image_id in same_name if f"/{image_id}".endswith(f"/{name}")]
        if name in class_of:
            found[entry["id"]] = name
        elif len(ends) == 1:
            found[entry["id"]] = ends[0]
        else:
            (doubtful if ends else unknown).append(entry["file_name"])
    problems.add(f"{path.name} names an image that is not there", *unknown)
    problems.add(f"{path.name} names an image that may be several; write its path", *doubtful)
    return found


def _box(bbox: Any, here: str, problems: Problems) -> list[float] | None:
    """x0, y0, x1, y1 of COCO's x, y, width, height."""
    try:
        x, y, width, height = (float(value) for value in bbox)
        if not np.isfinite([x, y, width, height]).all():
            raise ValueError
    except (TypeError, ValueError):
        problems.add("annotation has no bbox of four numbers x, y, width, height", here)
        return None
    return [x, y, x + width, y + height]


def _fault(segmentation: Any, size: tuple[int, int]) -> str:
    """What is wrong with a mask of an image of ``size`` (width, height), or ""."""
    try:
        drawn = pixels(segmentation, *size)
        polygons = [] if isinstance(segmentation, dict) else corners(segmentation)
    except (ValueError, TypeError) as error:
        return str(error)
    for polygon in polygons:
        if (polygon < -BOX_TOLERANCE).any() or (polygon > np.array(size) + BOX_TOLERANCE).any():
            return f"a corner is outside the image of {size[0]} x {size[1]} pixels"
    return "" if drawn.any() else "it holds no pixel"
