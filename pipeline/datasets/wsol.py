"""Reader of the WSOL benchmark's layout: images in folders, and lists of them.

The lists (Choe et al., "Evaluating Weakly Supervised Object Localization Methods Right", CVPR
2020) name images by their paths below the root. Labels count from 0; class ids are one more.
Split val is the benchmark's "train-fullsup". Boxes are x0, y0, x1, y1 in pixels of the sizes that
the lists give, and follow an image that is stored at another size.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.artefacts.records import SPLITS
from pipeline.catalogue import imagenet
from pipeline.datasets.assembly import choose, finish
from pipeline.datasets.check import Problems
from pipeline.datasets.check_images import unlike_sizes
from pipeline.datasets.masks import check_masks
from pipeline.datasets.wsol_lists import LISTS, read_split
from pipeline.runtime.errors import UserError
from pipeline.settings import Records

LAYOUT = "\n".join(
    [
        "`metadata` names a folder with the folders test, val and train (the last two may be",
        "missing) of the WSOL benchmark's lists:",
        *(f"  {name}: {text}" for name, text in LISTS.items()),
        "The root holds the images at the paths that the ids name, such as",
        "  ImageNet: val/ILSVRC2012_val_00000001.JPEG, val2/0/0.jpeg, train/n01440764/*.JPEG",
        "  OpenImages: train/01226z/ed9d2feb6d44cff3.jpg, with the masks in the same folders",
        "  CUB: 001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg",
    ]
)
IMAGENET = "ILSVRC2012_"  # in the ids of ImageNet's own images

log = logging.getLogger(__name__)


def read(
    root: str | Path, section: Records, workers: int = 2
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Read and check a folder and its lists.

    Split train or val is empty where none of its images is there: a study of given weights needs
    the test images alone.

    Args:
        root: the folder that the image ids start from.
        section: folders of lists and masks, selected classes, the choice of val images.
        workers: threads that decode images and masks for the check.

    Returns:
        Records (columns of `pipeline.artefacts.records.SCHEMA`, and ``split``) in the order train,
        val, test and of the lists; classes (``label``, ``class_id``, ``name``: wnid and name for
        ImageNet, else the folder of the class's images); a summary of the check for check.json.

    Raises:
        UserError: lists are missing, or something is wrong with the files: every problem found,
            in one message.
    """
    assert section.metadata is not None  # the layout asks for it
    root, metadata = Path(root), Path(section.metadata)
    _require_folders(root, metadata)
    problems = Problems()
    listed = pd.concat(
        [read_split(metadata / split, root, problems).assign(split=split) for split in SPLITS],
        ignore_index=True,
    )
    problems.add("image is listed twice", *listed["image_id"][listed["image_id"].duplicated()])
    listed["path"] = [str(root / name) for name in listed["image_id"]]
    absent = _splits_without_images(listed)
    names = _class_names(listed[listed["split"] == "test"])
    images = _of_valid_class(listed[~listed["split"].isin(absent)], len(names), problems)
    folder = Path(section.masks or root)
    images["masks"] = [[str(folder / mask) for mask in masks] for masks in images["masks"]]
    images["ignore"] = [str(folder / mask) if mask else "" for mask in images["ignore"]]
    images["keypoints"] = [[] for _ in range(len(images))]
    images["segmentation"] = images["true_parts"] = ""

    needed = [split for split in ("train", "test") if split in set(images["split"]) | {"test"}]
    used, classes, skipped = choose(
        images, names, section, problems, splits=needed, workers=workers
    )
    used["boxes"], unlike = _at_image_size(used)
    details = {"skipped": skipped, "splits_without_images": absent, **unlike}
    details |= check_masks(used, problems, workers)
    return finish(used, classes, root, section, problems, details)


def _require_folders(root: Path, metadata: Path) -> None:
    missing = [
        metadata / split / name
        for split in SPLITS
        for name in ("image_ids.txt", "class_labels.txt")
        if not (metadata / split / name).is_file()
        and (split == "test" or (metadata / split / "image_ids.txt").is_file())
    ]
    lines = []
    if not root.is_dir():
        lines.append(
            f"The data folder {root} does not exist. Set `root` of the data set to the folder "
            "from which the benchmark's image ids start."
        )
    if missing:
        lines.append(
            f"Lists of the WSOL benchmark are missing (`records: {{metadata: {metadata}}}`):"
        )
        lines += [f"  {path}: {LISTS[path.name]}" for path in missing]
    if lines:
        raise UserError("\n".join(lines))


def _splits_without_images(images: pd.DataFrame) -> dict[str, int]:
    """Of the splits that may be empty those without any image file: split -> images listed."""
    absent = {}
    for split in ("train", "val"):
        paths = images["path"][images["split"] == split]
        if len(paths) and not any(Path(path).is_file() for path in paths):
            absent[split] = len(paths)
            log.warning("split %s is empty: none of its %d images is there", split, len(paths))
    return absent


def class_names(root: str | Path, section: Records) -> pd.Series:
    """Class id (1..K) -> name, of all classes, from the lists of the test images alone.

    Raises:
        UserError: these cannot be used.
    """
    assert section.metadata is not None  # the layout asks for it
    problems = Problems()
    listed = read_split(Path(section.metadata) / "test", Path(root), problems)
    problems.raise_if_any(section.metadata)
    return _class_names(listed)


def _class_names(test: pd.DataFrame) -> pd.Series:
    """Names by class id: ImageNet's, or the folders of the test images, or the class ids."""
    if test["image_id"].str.contains(IMAGENET, regex=False).any():
        names = imagenet.class_names()
    else:
        folders = {
            label: {Path(name).parent.name for name in ids}
            for label, ids in test.groupby("label")["image_id"]
        }
        names = [min(found) for found in folders.values()]
        if any(len(found) > 1 for found in folders.values()) or len(set(names)) < len(names):
            names = [str(number) for number in range(1, len(folders) + 1)]
    return pd.Series(names, index=range(1, len(names) + 1), dtype=object)


def _of_valid_class(images: pd.DataFrame, classes: int, problems: Problems) -> pd.DataFrame:
    """Images of labels 0 to ``classes`` - 1, with ``class_id``; the others are noted."""
    valid = images["label"].between(0, classes - 1)
    problems.add(
        f"label is not within 0-{classes - 1}, the classes of the test list",
        *(f"{row.image_id}: {row.label}" for row in images[~valid].itertuples()),
    )
    return images[valid].assign(class_id=lambda rows: rows["label"].astype(int) + 1)


def _at_image_size(images: pd.DataFrame) -> tuple[list[np.ndarray], dict[str, int]]:
    """Boxes in pixels of the images as they are, and how many images are unlike their lists."""
    known = images[images["listed_width"].notna() & (images["width"] > 0)]
    found = known[["width", "height"]].to_numpy()
    listed = known[["listed_width", "listed_height"]].to_numpy()
    factors = pd.DataFrame(found / listed, index=known.index).reindex(images.index).fillna(1.0)
    boxes = [
        (np.reshape(flat, (-1, 2)) * factor).ravel()
        for flat, factor in zip(images["boxes"], factors.to_numpy(), strict=True)
    ]
    return boxes, unlike_sizes(found, listed, "images")
