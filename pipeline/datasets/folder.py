"""Reader of plain folders: a folder of images for each class, or ImageNet's flat samples.

Class ids are 1-based, in the sorted order of the classes' names.
"""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.artefacts.records import SPLITS
from pipeline.catalogue.imagenet import class_names, class_wnids
from pipeline.datasets.assembly import choose, finish
from pipeline.datasets.check import Problems
from pipeline.datasets.coco import check_sizes
from pipeline.datasets.masks import check_masks
from pipeline.datasets.objects import BOXES, BOXES_HEADER, read_objects
from pipeline.runtime.errors import UserError
from pipeline.settings import Records

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")  # in any case
WNID = re.compile(r"n\d{8}(?=_)")
LAYOUT = f"""\
The root holds images as train/CLASS/NAME.jpg and test/CLASS/NAME.jpg, with val/CLASS/NAME.jpg if
you hold out images yourself; one of train and test may be missing. Or it holds nothing but images
that are all named WNID_NAME.JPEG after ImageNet's classes: they are the test split.
The root may also hold
  {BOXES}: first line '{BOXES_HEADER}', then a line a box; the image id is the image's path
    below the root, the numbers are pixels
  masks/<image id, its suffix .png>: > 0 is the object
`records: {{boxes: FILE, masks: FILE OR FOLDER}}` names others; a FILE.json is a COCO file."""


def read(
    root: str | Path, section: Records, workers: int = 2
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Read and check a folder.

    Args:
        root: the folder that holds train/ and test/, or the flat samples.
        section: selected classes, files of boxes and masks, the choice of val images.
        workers: threads that decode images and masks for the check.

    Returns:
        Records (columns of `pipeline.artefacts.records.SCHEMA`, and ``split``) in the sorted order
        of the paths, train before val before test; classes (``label``, ``class_id``, ``name``); a
        summary of the check for check.json.

    Raises:
        UserError: the layout is another one, or something is wrong with the files: every problem
            found, in one message.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"The data folder {root} does not exist. Correct `root` of the data set.")
    problems = Problems()
    has_splits = (root / "train").is_dir() or (root / "test").is_dir()
    images, names, others = _class_folders(root) if has_splits else _imagenet_samples(root)
    if images.empty:
        raise UserError(f"There is no image in {root}.\n{LAYOUT}")
    images["path"] = [str(root / name) for name in images["image_id"]]
    class_of = dict(zip(images["image_id"], images["class_id"].map(names), strict=True))
    objects = read_objects(root, section, class_of, problems)
    images["boxes"] = [objects.boxes.get(name, []) for name in images["image_id"]]
    images["masks"] = [objects.masks.get(name, []) for name in images["image_id"]]
    images["keypoints"] = [[] for _ in range(len(images))]
    images["ignore"] = images["segmentation"] = images["true_parts"] = ""

    # the samples need not show every class of ImageNet
    needed = {"train", "test"}.intersection(images["split"]) if has_splits else set()
    used, classes, skipped = choose(
        images, names, section, problems, splits=sorted(needed), workers=workers
    )
    check_sizes(used, objects.sizes, problems)
    details: dict[str, Any] = {"skipped": {**skipped, "other_files": others, **objects.skipped}}
    details |= check_masks(used, problems, workers)
    return finish(used, classes, root, section, problems, details)


def _class_folders(root: Path) -> tuple[pd.DataFrame, pd.Series, int]:
    """Images of SPLIT/CLASS/ with class id and split; names by class id; number of other files."""
    splits = [split for split in SPLITS if (root / split).is_dir()]
    folders = [path for split in splits for path in (root / split).iterdir() if path.is_dir()]
    folders = [folder for folder in folders if not folder.name.startswith(".")]
    names = sorted({folder.name for folder in folders})
    rows = []
    others = sum(path.is_file() for split in splits for path in (root / split).iterdir())
    for split in splits:
        for class_id, name in enumerate(names, start=1):
            files = sorted((root / split / name).glob("*"))
            found = [path.name for path in files if path.suffix.lower() in SUFFIXES]
            rows += [(f"{split}/{name}/{file}", class_id, split) for file in found]
            others += len(files) - len(found)
    images = pd.DataFrame(rows, columns=["image_id", "class_id", "split"])
    return images, pd.Series(names, index=range(1, len(names) + 1), dtype=object), others


def _imagenet_samples(root: Path) -> tuple[pd.DataFrame, pd.Series, int]:
    """The same of images that lie in the root itself, named by the wnids of ImageNet's classes."""
    files = sorted(path.name for path in root.iterdir() if path.is_file())
    found = [name for name in files if Path(name).suffix.lower() in SUFFIXES]
    class_ids = {wnid: class_id for class_id, wnid in enumerate(class_wnids(), start=1)}
    wnids = [match.group() if (match := WNID.match(name)) else "" for name in found]
    strange = [name for name, wnid in zip(found, wnids, strict=True) if wnid not in class_ids]
    if strange:
        raise UserError(
            f"{root} has neither train/ nor test/, and {len(strange)} of its {len(found)} images, "
            f"such as {strange[0]}, are not named after a class of ImageNet.\n{LAYOUT}"
        )
    images = pd.DataFrame({"image_id": found, "class_id": [class_ids[wnid] for wnid in wnids]})
    names = pd.Series(class_names(), index=range(1, len(class_ids) + 1))
    return images.assign(split="test"), names, len(files) - len(found)
