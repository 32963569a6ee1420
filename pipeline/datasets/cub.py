"""Reader of the CUB-200-2011 folder layout: text lists -> records.

Class ids are 1-based. Boxes are stored as `x y width height` in image pixels from the upper left
corner; the WSOL benchmark's `localization.txt` holds x, y, x + width, y + height of the same
numbers, cut at the last pixel, and so do the records.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.datasets.check import Problems, check_boxes, check_classes, check_images
from pipeline.datasets.lists import join, read_column, read_rows
from pipeline.datasets.records import KEYPOINTS
from pipeline.errors import UserError
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
SPLITS = ("train", "val", "test")


def read_cub(
    root: str | Path, section: Records, workers: int = 2
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Read and check a folder.

    Args:
        root: the folder that holds images.txt.
        section: selected classes and the choice of val images.
        workers: threads that decode images for the check.

    Returns:
        Records (columns of `pipeline.datasets.records.SCHEMA`, and ``split``: train, val or test)
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
    chosen = parse_classes(section.classes, len(names))
    classes = pd.DataFrame({"label": range(len(chosen)), "class_id": chosen})
    classes["name"] = [names[number] for number in chosen]

    everything = _read_images(root, len(names), problems)
    images = everything[everything["class_id"].isin(chosen)].copy()
    images["label"] = images["class_id"].map(classes.set_index("class_id")["label"])
    images["path"] = [str(root / "images" / name) for name in images["image_id"]]
    images["segmentation"] = _masks(root / "segmentations", images["image_id"])
    images["true_parts"] = _masks(root / "true_parts", images["image_id"])
    images["keypoints"] = _read_keypoints(root / KEYPOINT_FILE, images.index, problems)
    check_classes(images, classes, problems)
    images = images.join(check_images(images, problems, workers))
    images["boxes"], cut = check_boxes(images, problems)
    problems.raise_if_any(root)

    images["split"] = hold_out_val(images, section.val_fraction, section.val_seed)
    summary = {
        "classes": len(classes),
        "images": {split: int((images["split"] == split).sum()) for split in SPLITS},
        "skipped": {"images_of_other_classes": len(everything) - len(images)},
        "sizes": {
            side: {name: float(images[side].agg(name)) for name in ("min", "median", "max")}
            for side in ("width", "height")
        },
        "grey_images": int(images["grey"].sum()),
        "boxes_cut_at_the_border": cut,
        "without_segmentation": int((images["segmentation"] == "").sum()),
        "without_keypoints": int((images["keypoints"].map(len) == 0).sum()),
    }
    return images.reset_index(drop=True), classes, summary


def parse_classes(text: str, number: int) -> list[int]:
    """Class ids of 'all' or of ranges such as '1-50,60', ascending.

    Raises:
        UserError: a range leaves 1..``number``, or runs backwards.
    """
    if text == "all":
        return list(range(1, number + 1))
    chosen: set[int] = set()
    for part in text.split(","):
        edges = [int(edge) for edge in part.split("-")]
        first, last = edges[0], edges[-1]
        if not 1 <= first <= last <= number:
            raise UserError(
                f"records.classes: '{part}' is no range within 1-{number}, the classes of this "
                "data set."
            )
        chosen.update(range(first, last + 1))
    return sorted(chosen)


def hold_out_val(records: pd.DataFrame, fraction: float, seed: int) -> pd.Series:
    """Move a part of each class's training images to split val.

    Of n training images ``fraction * n`` are held out, rounded, but at least one and at most
    n - 1. The choice within a class depends on the seed and on that class alone, so that a subset
    of the classes keeps its val images.

    Args:
        records: rows with ``class_id`` and ``split`` ('train' or 'test').
        fraction: in [0, 1); 0 holds out nothing.
        seed: not negative.

    Returns:
        The new split of each row: 'train', 'val' or 'test'.
    """
    split = records["split"].copy()
    if fraction == 0:
        return split
    train = records[records["split"] == "train"]
    for class_id, rows in train.groupby("class_id").groups.items():
        number = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
        chosen = np.random.default_rng([seed, int(class_id)]).permutation(len(rows))[:number]
        split[rows[chosen]] = "val"
    return split


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
    """Names by class id; ids that are not 1..K stop here, as all else is read against them."""
    names = read_column(root / "classes.txt", (str,), problems)
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
    images = images[~strange & ~halved].astype({"class_id": int})
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
