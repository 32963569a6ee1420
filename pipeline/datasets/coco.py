"""Boxes and masks of your own images from a COCO file (JSON: images, annotations, categories).

An annotation belongs to its image if its category is the image's class, or if its category bears
the name of no class at all, such as "object". Those of other classes, and crowds, are counted, and
so are those of no class, by name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.datasets.check import Problems
from pipeline.datasets.check_boxes import BOX_TOLERANCE
from pipeline.datasets.coco_categories import Categories, Id
from pipeline.datasets.image_names import ImageNames
from pipeline.images.coco_file import identity, number_of, read_content, side
from pipeline.images.coco_masks import area, corners, file_digest, mask_name
from pipeline.images.opening import LARGEST
from pipeline.runtime.errors import UserError

# The keys of every entry that are needed, by list.
KEYS = {
    "images": ("id", "file_name", "width", "height"),
    "annotations": ("id", "image_id", "category_id"),
    "categories": ("id",),
}


class Listed(NamedTuple):
    """An image as the file lists it: our id, and width and height in pixels."""

    image_id: str
    size: tuple[int, int]


@dataclass
class Annotations:
    """What a COCO file says about the images of a data set.

    Attributes:
        boxes: image id -> 4 K numbers x0, y0, x1, y1, pixels.
        masks: image id -> names of its masks, see `pipeline.images.coco_masks`.
        sizes: image id -> (width, height) of the annotated image, pixels.
        skipped: annotations that are not used, by reason.
        of_no_class: annotations whose category is not a class, by the category's name.
    """

    boxes: dict[str, list[float]] = field(default_factory=dict)
    masks: dict[str, list[str]] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    skipped: dict[str, int] = field(
        default_factory=lambda: {"annotations_of_other_classes": 0, "crowds": 0}
    )
    of_no_class: Counter[str] = field(default_factory=Counter)


def read_coco(
    path: Path,
    class_of: Mapping[str, str],
    names: ImageNames,
    problems: Problems,
    *,
    masks: bool,
) -> Annotations:
    """Read and check a COCO file.

    Ids count by their value: 1, 1.0 and "1" are the same.

    Args:
        path: of the file.
        class_of: image id (path below the root) -> name of its class, of all images.
        names: finds the images by their ``file_name``.
        problems: where unknown images and malformed annotations are noted.
        masks: read the ``segmentation`` of every annotation; else its ``bbox``.

    Raises:
        UserError: the file is missing or no COCO file.
    """
    content = _content(path)
    found = Annotations()
    listed = _images(content["images"], path, names, problems)
    found.sizes = {image.image_id: image.size for image in listed.values() if image}
    categories = Categories(content["categories"], set(class_of.values()), path, problems)
    digest = file_digest(path)
    for place, entry, here in _annotations(content["annotations"], path, problems):
        id_of_image = identity(entry["image_id"])
        if id_of_image not in listed:
            problems.add("annotation refers to no image in its file", here)
        category = categories.find(entry["category_id"], here)
        crowd = _is_crowd(entry.get("iscrowd"), here, problems)
        image = listed.get(id_of_image) if id_of_image is not None else None
        if image is None or category is None:
            continue
        image_id, size = image
        here = f"{here}, {image_id}"
        if category.is_class and category.name != class_of[image_id]:
            found.skipped["annotations_of_other_classes"] += 1
            continue
        if crowd:
            found.skipped["crowds"] += 1
            continue
        if not category.is_class:
            found.of_no_class[category.name] += 1
        if not masks:
            if box := _box(entry.get("bbox"), here, problems):
                found.boxes.setdefault(image_id, []).extend(box)
        elif fault := _fault(entry.get("segmentation"), size):
            problems.add("mask cannot be drawn", f"{here}: {fault}")
        else:
            found.masks.setdefault(image_id, []).append(mask_name(path, digest, place))
    return found


def check_sizes(
    images: pd.DataFrame, sizes: Mapping[str, tuple[int, int]], problems: Problems
) -> pd.DataFrame:
    """Note images (rows of ``image_id``, ``width``, ``height``) annotated at another size.

    Returns:
        The other images.
    """
    fits = []
    for row in images.itertuples():
        width, height = sizes.get(row.image_id, (row.width, row.height))
        fits.append(row.width == 0 or (row.width, row.height) == (width, height))
        if not fits[-1]:
            problems.add(
                "image was annotated at another size; scale the annotations, or annotate it again",
                f"{row.image_id}: {row.width} x {row.height}, annotated at {width} x {height}",
            )
    return images[np.array(fits, dtype=bool)]


def _content(path: Path) -> dict[str, Any]:
    """The parsed file, with all keys of `KEYS`."""
    content = read_content(path)
    for name, keys in KEYS.items():
        entries = content.get(name) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise UserError(f"{path} is not a COCO file: it has no list '{name}'.")
        for place, entry in enumerate(entries):
            missing = [key for key in keys if not isinstance(entry, dict) or key not in entry]
            if missing:
                raise UserError(f"{path} is not a COCO file: {name}[{place}] lacks {missing[0]!r}.")
    return content


def _images(
    entries: list[dict[str, Any]], path: Path, names: ImageNames, problems: Problems
) -> dict[Id | None, Listed | None]:
    """The images by the file's own ids; None for those that are noted as problems."""
    found: dict[Id | None, Listed | None] = {}
    called: dict[Id | None, Any] = {}
    for place, entry in enumerate(entries):
        number, name = identity(entry["id"]), entry["file_name"]
        here = f"{path}: image {entry['id']!r}, {name!r}"
        if number is None:
            problems.add("image id is neither a whole number nor text", here)
            continue
        if number in called:
            problems.add("image id occurs twice", f"{here} and {called[number]!r}")
            continue
        called[number], found[number] = name, None
        width, height = side(entry["width"]), side(entry["height"])
        if not isinstance(name, str) or not name:
            problems.add("file_name is not text", f"{path}: images[{place}]: {name!r}")
        elif width is None or height is None:
            problems.add(
                "image has no width and height in whole pixels; write them into the file",
                f"{here}: {entry['width']!r} x {entry['height']!r}",
            )
        elif width * height > LARGEST:
            problems.add("image is larger than any that is read", f"{here}: {width} x {height}")
        else:
            images = names.find_by_end(name)
            if len(images) == 1:
                found[number] = Listed(images[0], (width, height))
                continue
            kind = "may be several; write its path" if images else "is not there"
            problems.add(f"{path.name} names an image that {kind}", name)
    return found


def _annotations(
    entries: list[dict[str, Any]], path: Path, problems: Problems
) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Place in the list, entry, and words for where it is, of the annotations whose id is one."""
    seen: set[Id] = set()
    for place, entry in enumerate(entries):
        number = identity(entry["id"])
        here = f"{path}: annotation {entry['id']}"
        if number is None:
            problems.add("annotation id is neither a whole number nor text", here)
            continue
        if number in seen:
            problems.add("annotation id occurs twice", here)
        seen.add(number)
        yield place, entry, here


def _is_crowd(value: Any, here: str, problems: Problems) -> bool:
    """COCO's flag, which tools write as a number, as text or as true; missing is false."""
    number = 0 if value is None else number_of(int(value) if isinstance(value, bool) else value)
    if number not in (0, 1):
        problems.add("iscrowd is neither 0 nor 1", f"{here}: {value!r}")
    return number == 1


def _box(bbox: Any, here: str, problems: Problems) -> list[float] | None:
    """x0, y0, x1, y1 of COCO's x, y, width, height."""
    numbers = [number_of(value) for value in bbox] if isinstance(bbox, list) else []
    if len(numbers) != 4 or None in numbers:
        problems.add("annotation has no bbox of four numbers x, y, width, height", here)
        return None
    x, y, width, height = (float(number) for number in numbers if number is not None)
    return [x, y, x + width, y + height]


def _fault(segmentation: Any, size: tuple[int, int]) -> str:
    """What is wrong with a mask of an image of ``size`` (width, height), or ""."""
    try:
        polygons = [] if isinstance(segmentation, dict) else corners(segmentation)
        for polygon in polygons:
            if (polygon < -BOX_TOLERANCE).any() or (polygon > np.array(size) + BOX_TOLERANCE).any():
                return f"a corner is outside the image of {size[0]} x {size[1]} pixels"
        return "" if area(segmentation, *size) else "it holds no pixel"
    except (ValueError, TypeError) as error:
        return str(error)
