"""Reader of the CUB-200-2011 folder layout: text lists -> records.

Class ids are 1-based. Boxes are stored as `x y width height` in image pixels from the upper left
corner; the WSOL benchmark's `localization.txt` holds x, y, x + width, y + height of the same
numbers, cut at the last pixel, and so do the records.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.artefacts.records import KEYPOINTS
from pipeline.datasets.assembly import choose, finish
from pipeline.datasets.check import Problems
from pipeline.datasets.lists import join, leaving, read_column, read_rows
from pipeline.runtime.errors import UserError
from pipeline.settings import Records

# What must be there, and what it looks like.
REQUIRED = {
    "images.txt": "lines '<image id> <class folder>/<file name>'",
    "image_class_labels.txt": "lines '<image id> <class id, from 1>'",
    "train_test_split.txt": "lines '<image id> <1 for training, 0 for test>'",
    "bounding_boxes.txt": "lines '<image id> <x> <y> <width> <height>'",
    "classes.txt": "lines '<class id, from 1> <class name>'",
    "images": "a folder that holds a folder of images for each class",
}
# May be missing: lines '<image id> <part id 1..15> <x> <y> <visible, 0 or 1>'.
KEYPOINT_FILE = "parts/part_locs.txt"
LAYOUT = "\n".join(
    [
        "The folder holds, as CUB-200-2011 is published:",
        *(f"  {name}: {text}" for name, text in REQUIRED.items()),
        f"  {KEYPOINT_FILE}, segmentations/, true_parts/: may be missing",
    ]
)


def read(
    root: str | Path, section: Records, workers: int = 2
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Read and check a folder.

    Args:
        root: the folder that holds images.txt.
        section: selected classes and the choice of val images.
        workers: threads that decode images for the check.

    Returns:
        Records (columns of `pipeline.artefacts.records.SCHEMA`, and ``split``: train, val or test)
        in the order of images.txt; classes (``label``, ``class_id``, ``name``); a summary of the
        check for check.json.

    Raises:
        UserError: the layout is another one, or something is wrong with the files: every problem
            found, in one message.
    """
    root = Path(root)
    _require_layout(root)
    problems = Problems()
    names = _read_class_names(root, problems)
    images = _read_images(root, len(names), problems)
    images["path"] = [str(root / "images" / name) for name in images["image_id"]]
    images["segmentation"] = _masks(root / "segmentations", images["image_id"])
    images["true_parts"] = _masks(root / "true_parts", images["image_id"])
    images["keypoints"] = _read_keypoints(root / KEYPOINT_FILE, images.index, problems)
    images["masks"] = [[] for _ in range(len(images))]
    images["ignore"] = ""
    used, classes, skipped = choose(images, names, section, problems, workers=workers)
    details = {
        "skipped": skipped,
        "without_segmentation": int((used["segmentation"] == "").sum()),
        "without_keypoints": int((used["keypoints"].map(len) == 0).sum()),
    }
    return finish(used, classes, root, section, problems, details)


def class_names(root: str | Path, section: Records) -> pd.Series:
    """Class id (1..K) -> name, of all classes; UserError if the list cannot be used."""
    problems = Problems()
    names = _read_class_names(Path(root), problems)
    problems.raise_if_any(root)
    return names


def _require_layout(root: Path) -> None:
    if not root.is_dir():
        raise UserError(
            f"The data folder {root} does not exist. Set `root` of the data set to the folder "
            "that holds images.txt."
        )
    missing = [name for name in REQUIRED if not (root / name).exists()]
    if not missing:
        return
    lines = [f"{root} is not laid out like CUB-200-2011. Missing:"]
    lines += [f"  {name}: {REQUIRED[name]}" for name in missing]
    inside = sorted(path.parent for path in root.glob("*/images.txt"))
    if inside:
        lines.append(f"Did you mean {inside[0]}?")
    raise UserError("\n".join(lines))


def _read_class_names(root: Path, problems: Problems) -> pd.Series:
    """Names by class id; ids other than 1..K stop the check here, as all else refers to them."""
    names = read_column(root / "classes.txt", (int, str), problems)
    if not len(names) or sorted(names.index) != list(range(1, len(names) + 1)):
        problems.add("list is not numbered 1, 2, 3, ...", str(root / "classes.txt"))
        problems.raise_if_any(root)
    return names


def _read_images(root: Path, classes: int, problems: Problems) -> pd.DataFrame:
    """Images of valid class and split: ``image_id``, ``class_id``, ``split``, ``boxes``, by id."""
    images = join(
        {
            "image_id": (root / "images.txt", (str,)),
            "class_id": (root / "image_class_labels.txt", (int,)),
            "split": (root / "train_test_split.txt", (int,)),
            "boxes": (root / "bounding_boxes.txt", (float,) * 4),
        },
        problems,
    )
    twice = images["image_id"][images["image_id"].duplicated()]
    problems.add("image is listed twice (images.txt)", *twice)
    strange = ~images["class_id"].between(1, classes)
    problems.add(
        f"class id is not within 1-{classes} (image_class_labels.txt)",
        *(f"image {number}: {label}" for number, label in images["class_id"][strange].items()),
    )
    halved = ~images["split"].isin([0, 1])
    problems.add(
        "split is neither 0 nor 1 (train_test_split.txt)",
        *(f"image {number}: {split}" for number, split in images["split"][halved].items()),
    )
    elsewhere = images["image_id"].isin(leaving(images["image_id"], root / "images.txt", problems))
    images = images[~strange & ~halved & ~elsewhere].astype({"class_id": int})
    images["split"] = images["split"].map({1: "train", 0: "test"})
    images["boxes"] = [(x, y, x + width, y + height) for x, y, width, height in images["boxes"]]
    return images


def _masks(folder: Path, names: pd.Series) -> list[str]:
    """Path of each image's PNG in a parallel folder, or "" where there is none."""
    paths = [(folder / name).with_suffix(".png") for name in names]
    return [str(path) if path.is_file() else "" for path in paths]


def _read_keypoints(path: Path, ids: pd.Index, problems: Problems) -> list[list[float]]:
    """45 numbers x, y, visible for each image id; empty where the file or the image's lines are."""
    if not path.is_file():
        return [[] for _ in ids]
    found: dict[int, np.ndarray] = {}
    for number, part, x, y, visible in read_rows(path, (int, int, float, float, int), problems):
        if 1 <= part <= KEYPOINTS:
            found.setdefault(number, np.zeros((KEYPOINTS, 3)))[part - 1] = x, y, visible
        else:
            problems.add(f"part id is not within 1-{KEYPOINTS}", f"{path}: image {number}, {part}")
    return [found[number].ravel().tolist() if number in found else [] for number in ids]
