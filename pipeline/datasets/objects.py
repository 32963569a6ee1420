"""Boxes and masks of one's own images: from a CSV file, from a folder of masks, from COCO files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.datasets.check import Problems, counted
from pipeline.datasets.coco import Annotations, read_coco
from pipeline.datasets.image_names import ImageNames
from pipeline.datasets.lists import read_rows
from pipeline.images.mask_values import chosen
from pipeline.images.opening import SUFFIXES
from pipeline.runtime.errors import UserError
from pipeline.settings import MaskValues, Records

BOXES = "boxes.csv"
BOXES_HEADER = "image_id,x0,y0,x1,y1"
MASKS = "masks"
LOSSLESS = (
    ".bmp",
    ".gif",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
)  # of pictures that can be masks, in any case


@dataclass(frozen=True)
class Objects:
    """Where the objects are.

    Attributes:
        boxes: image id -> 4 K numbers x0, y0, x1, y1, pixels.
        masks: image id -> names of its masks, see `pipeline.images.label_maps.read_mask`.
        ignore: image id -> name of the mask of pixels that are left out.
        sizes: image id -> (width, height) that it was annotated at, where that is known.
        skipped: annotations that are not used, by reason, and those of no class.
    """

    boxes: Mapping[str, list[float]]
    masks: Mapping[str, list[str]]
    ignore: Mapping[str, str]
    sizes: Mapping[str, tuple[int, int]]
    skipped: Mapping[str, Any]


def read_objects(
    root: Path,
    section: Records,
    class_of: Mapping[str, str],
    numbers: Mapping[str, int],
    problems: Problems,
) -> Objects:
    """Read what `records: {boxes, masks}` names, or what lies in the root by default.

    Args:
        root: folder of the data set.
        section: ``boxes``, a CSV or COCO file; ``masks``, a folder of pictures or a COCO file; and
            what the pictures' values mean.
        class_of: image id -> name of its class, of all images.
        numbers: name of a class -> its number, from 1.
        problems: where unknown images and malformed lines are noted.

    Raises:
        UserError: a file or folder that the section names is missing or of another kind.
    """
    boxes, masks = _sources(root, section)
    names = ImageNames(class_of, root)
    sizes: dict[str, tuple[int, int]] = {}
    skipped: dict[str, Any] = {}

    def annotated(path: Path, kind: str) -> Annotations:
        found = read_coco(path, class_of, names, problems, masks=kind == "masks")
        sizes.update(found.sizes)
        skipped.update({f"{kind}_{reason}": count for reason, count in found.skipped.items()})
        if total := found.of_no_class.total():
            first = [f"{name!r} ({count})" for name, count in found.of_no_class.most_common(20)]
            skipped[f"{kind}_of_no_class_taken_as_the_object"] = {"count": total, "first": first}
        return found

    if _is_coco(boxes):
        found_boxes: Mapping[str, list[float]] = annotated(boxes, "boxes").boxes
    else:
        found_boxes = _listed_boxes(boxes, names, problems)
    ignore: dict[str, str] = {}
    if _is_coco(masks):
        found_masks: Mapping[str, list[str]] = annotated(masks, "masks").masks
    else:
        pictures, others = _pictures(masks, class_of, problems)
        skipped["masks_other_files"] = counted(others)
        meaning = section.mask_values or MaskValues()
        values = {name: _object_values(meaning, name, numbers) for name in set(class_of.values())}
        found_masks = {
            image_id: [_object_name(path, meaning, values[class_of[image_id]])]
            for image_id, path in pictures.items()
        }
        if meaning.ignore:
            ignore = {
                image_id: chosen(path, meaning.pixel, meaning.ignore)
                for image_id, path in pictures.items()
            }
        _check_named_classes(meaning, numbers)
    return Objects(found_boxes, found_masks, ignore, sizes, skipped)


def _sources(root: Path, section: Records) -> tuple[Path, Path]:
    """The file of boxes and the folder or file of masks; by default they may be missing."""
    for key in ("boxes", "masks"):
        if getattr(section, key) is not None and not Path(getattr(section, key)).exists():
            raise UserError(
                f"{getattr(section, key)} does not exist. Correct `records: {{{key}: ...}}`."
            )
    boxes, masks = Path(section.boxes or root / BOXES), Path(section.masks or root / MASKS)
    if boxes.exists() and not boxes.is_file():
        raise UserError(f"{boxes} is not a regular file. Give a CSV or COCO file of boxes.")
    if _is_coco(masks) and section.mask_values:
        raise UserError(
            f"`mask_values` is about pictures, and {masks} is a COCO file. Remove the key."
        )
    if masks.exists() and not _is_coco(masks) and not masks.is_dir():
        raise UserError(f"{masks} is neither a folder of masks nor a COCO file (.json).")
    return boxes, masks


def _is_coco(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _listed_boxes(path: Path, names: ImageNames, problems: Problems) -> dict[str, list[float]]:
    """Boxes of a CSV file; none where there is no file."""
    boxes: dict[str, list[float]] = {}
    unknown: set[str] = set()
    if not path.is_file():
        return boxes
    types = (str, float, float, float, float)
    for name, *box in read_rows(path, types, problems, comma=True, header=BOXES_HEADER):
        image_id = names.find(name)
        if image_id is None:
            unknown.add(name)
        else:
            boxes.setdefault(image_id, []).extend(box)
    problems.add(f"{path.name} names an image that is not there", *sorted(unknown))
    if any("\ufffd" in name for name in unknown):
        problems.hints.append(f"{path} is not written in UTF-8. Save it as UTF-8.")
    return boxes


def _pictures(
    folder: Path, class_of: Mapping[str, str], problems: Problems
) -> tuple[dict[str, str], list[str]]:
    """The mask of each image that has one: the picture of its path, but for the suffix.

    And the files that are no pictures.
    """
    images: dict[str, list[str]] = {}
    for image_id in class_of:
        images.setdefault(image_id.rpartition(".")[0], []).append(image_id)
    found: dict[str, list[str]] = {}
    strange: list[str] = []
    lossy: list[str] = []
    others: list[str] = []
    for path in sorted(folder.rglob("*")):
        suffix = path.suffix.lower()
        if path.name.startswith(".") or not path.is_file():
            continue
        if suffix not in SUFFIXES:
            others.append(str(path))
            continue
        stem = path.relative_to(folder).as_posix().removesuffix(path.suffix)
        if suffix not in LOSSLESS:
            lossy.append(str(path))
        elif stem in images:
            found.setdefault(stem, []).append(str(path))
        else:
            strange.append(str(path))
    problems.add("mask belongs to no image", *strange)
    problems.add("mask is of a format that loses values; save it as PNG", *lossy)
    problems.add(
        "mask belongs to several images; rename these",
        *(
            f"{paths[0]}: {', '.join(images[stem])}"
            for stem, paths in found.items()
            if len(images[stem]) > 1
        ),
    )
    problems.add(
        "image has several masks with its name; keep one",
        *(", ".join(paths) for paths in found.values() if len(paths) > 1),
    )
    return {images[stem][0]: paths[0] for stem, paths in found.items()}, others


def _object_values(
    meaning: MaskValues, class_name: str, numbers: Mapping[str, int]
) -> tuple[int, ...] | None:
    """The values that are the object in images of a class; None: all but 0 and those ignored."""
    if meaning.object == "class":
        return (numbers[class_name],)
    if isinstance(meaning.object, dict):
        return meaning.object.get(class_name, ())
    return meaning.object


def _object_name(path: str, meaning: MaskValues, values: tuple[int, ...] | None) -> str:
    if values is not None:
        return chosen(path, meaning.pixel, values)
    if meaning.ignore:
        return chosen(path, meaning.pixel, meaning.ignore, others=True)
    return path


def _check_named_classes(meaning: MaskValues, numbers: Mapping[str, int]) -> None:
    named = meaning.object if isinstance(meaning.object, dict) else {}
    if unknown := sorted(named.keys() - numbers.keys()):
        raise UserError(
            f"records.mask_values.object: the data set has no class {unknown[0]!r}. Its classes "
            f"are {', '.join(list(numbers)[:20])}{', ...' if len(numbers) > 20 else ''}."
        )
