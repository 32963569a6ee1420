"""Boxes and masks of one's own images: from a CSV file, from a folder of masks, from COCO files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.check import Problems
from pipeline.datasets.coco import read_coco
from pipeline.datasets.lists import read_rows
from pipeline.runtime.errors import UserError
from pipeline.settings import Records

BOXES = "boxes.csv"
BOXES_HEADER = "image_id,x0,y0,x1,y1"
MASKS = "masks"


@dataclass(frozen=True)
class Objects:
    """Where the objects are.

    Attributes:
        boxes: image id -> 4 K numbers x0, y0, x1, y1, pixels.
        masks: image id -> paths of its masks.
        sizes: image id -> (width, height) that it was annotated at, where that is known.
        skipped: annotations that are not used, by reason.
    """

    boxes: Mapping[str, list[float]]
    masks: Mapping[str, list[str]]
    sizes: Mapping[str, tuple[int, int]]
    skipped: Mapping[str, int]


def read_objects(
    root: Path, section: Records, class_of: Mapping[str, str], problems: Problems
) -> Objects:
    """Read what `records: {boxes, masks}` names, or what lies in the root by default.

    Args:
        root: folder of the data set.
        section: ``boxes``, a CSV or COCO file, and ``masks``, a folder of pictures or a COCO file.
        class_of: image id -> name of its class, of all images.
        problems: where unknown images and malformed lines are noted.

    Raises:
        UserError: a file or folder that the section names is missing, or is no COCO file.
    """
    for key in ("boxes", "masks"):
        path = getattr(section, key)
        if path is not None and not Path(path).exists():
            raise UserError(f"{path} does not exist. Correct `records: {{{key}: ...}}`.")
    boxes, masks = Path(section.boxes or root / BOXES), Path(section.masks or root / MASKS)
    sizes: dict[str, tuple[int, int]] = {}
    skipped: dict[str, int] = {}
    if boxes.suffix == ".json":
        annotated = read_coco(boxes, class_of, problems, masks=False)
        found_boxes = annotated.boxes
        sizes |= annotated.sizes
        skipped |= {f"boxes_{reason}": count for reason, count in annotated.skipped.items()}
    else:
        found_boxes = _listed_boxes(boxes, class_of, problems)
    if masks.suffix == ".json":
        annotated = read_coco(masks, class_of, problems, masks=True)
        found_masks = annotated.masks
        sizes |= annotated.sizes
        skipped |= {f"masks_{reason}": count for reason, count in annotated.skipped.items()}
    else:
        found_masks = _pictured_masks(masks, class_of, problems)
    return Objects(found_boxes, found_masks, sizes, skipped)


def _listed_boxes(
    path: Path, class_of: Mapping[str, str], problems: Problems
) -> dict[str, list[float]]:
    """Boxes of a CSV file; none where there is no file."""
    boxes: dict[str, list[float]] = {}
    if not path.is_file():
        return boxes
    types = (str, float, float, float, float)
    for name, *box in read_rows(path, types, problems, comma=True, header=BOXES_HEADER):
        boxes.setdefault(name, []).extend(box)
    unknown = sorted(boxes.keys() - class_of.keys())
    problems.add(f"{path.name} names an image that is not there", *unknown)
    return boxes


def _pictured_masks(
    folder: Path, class_of: Mapping[str, str], problems: Problems
) -> dict[str, list[str]]:
    """Masks of a folder, one an image at most; none where there is no folder."""
    expected = {name: (folder / name).with_suffix(".png") for name in class_of}
    strange = set(folder.rglob("*.png")) - set(expected.values())
    problems.add("mask belongs to no image", *sorted(str(path) for path in strange))
    return {name: [str(path)] for name, path in expected.items() if path.is_file()}
