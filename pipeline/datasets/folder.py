"""Reader of plain folders: a folder of images for each class, or ImageNet's flat samples.

Class ids are 1-based, in the sorted order of the classes' names; where all are numbers, by number.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.artefacts.records import SPLITS
from pipeline.catalogue import imagenet
from pipeline.datasets.assembly import choose, finish
from pipeline.datasets.check import Problems, counted, in_utf8, printable
from pipeline.datasets.coco import check_sizes
from pipeline.datasets.masks import check_masks
from pipeline.datasets.objects import BOXES, BOXES_HEADER, MASKS, read_objects
from pipeline.datasets.selection import hold_out
from pipeline.images.opening import SUFFIXES
from pipeline.runtime.errors import UserError
from pipeline.settings import Records

WNID = re.compile(r"n\d{8}(?=_)")
_TEST_SEED = 0  # of the test images that are drawn: no key moves them
_LIKE_SPLITS = ("train", "training", "test", "testing", "val", "valid", "validation")
LAYOUT = f"""\
The root holds images as train/CLASS/NAME.jpg and test/CLASS/NAME.jpg, with val/CLASS/NAME.jpg if
you hold out images yourself; one of train and test may be missing. Images in folders below CLASS
count as well; files whose names begin with a dot do not. Or it holds CLASS/NAME.jpg, for two
classes or more: `records: {{test_fraction: 0.2}}` of each class are drawn as test images. Or it
holds nothing but images that are all named WNID_NAME.JPEG after ImageNet's classes: they are the
test split.
The root may also hold
  {BOXES}: first line '{BOXES_HEADER}', then one line per box; the image id is the image's path
    below the root, the numbers are pixels
  masks/<image id, its suffix .png>: what is not black is the object, or as `mask_values` says
`records: {{boxes: FILE, masks: FILE OR FOLDER}}` names others; a FILE.json is a COCO file."""


def read(
    root: str | Path, section: Records, workers: int = 2
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Read and check a folder.

    Args:
        root: the folder that holds train/ and test/, or the classes, or the flat samples.
        section: selected classes, files of boxes and masks, the choice of val and test images.
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
    classes_in = _parents(root, section)
    read = _class_folders if classes_in else _imagenet_samples
    images, names, counts = read(root, section, problems)
    if images.empty:
        problems.raise_if_any(root)
        others = ", ".join(map(printable, _other_folders(root, section)[:20]))
        beside = f" Its folders are {others}." if others else ""
        raise UserError(f"There is no image in {root}.{beside}\n{LAYOUT}")
    if classes_in and (others := counts["folders_that_are_not_splits"]["first"]):
        problems.hints.append(f"Folders of {root} that are not splits: {', '.join(others)}.")
    images["path"] = [str(root / name) for name in images["image_id"]]
    class_of = dict(zip(images["image_id"], images["class_id"].map(names), strict=True))
    numbers = {name: number for number, name in names.items()}
    objects = read_objects(root, section, class_of, numbers, problems)
    problems.hints += _left_out({**counts, **objects.skipped})
    images["boxes"] = [objects.boxes.get(name, []) for name in images["image_id"]]
    images["masks"] = [objects.masks.get(name, []) for name in images["image_id"]]
    images["keypoints"] = [[] for _ in range(len(images))]
    images["ignore"] = [objects.ignore.get(name, "") for name in images["image_id"]]
    images["segmentation"] = images["true_parts"] = ""

    # the samples need not show every class of ImageNet
    needed = {"train", "test"}.intersection(images["split"]) if classes_in else set()
    used, classes, skipped = choose(
        images, names, section, problems, splits=sorted(needed), workers=workers
    )
    unclear = _check_turned(used, section, problems)
    fitting = check_sizes(used[~unclear], objects.sizes, problems)
    details: dict[str, Any] = {"skipped": {**skipped, **counts, **objects.skipped}}
    details |= check_masks(fitting, problems, workers, turned=True)
    return finish(used, classes, root, section, problems, details)


def _left_out(counts: Mapping[str, Any]) -> list[str]:
    """What is not used, one hint of each kind: it may be what a problem is about."""
    found = []
    for key, count in counts.items():
        number = count["count"] if isinstance(count, dict) else count
        if number and (key.endswith("other_files") or isinstance(count, int)):
            names = f" ({', '.join(count['first'])})" if isinstance(count, dict) else ""
            found.append(f"Not used: {key.replace('_', ' ')}: {number}{names}.")
    return found


def class_names(root: str | Path, section: Records) -> pd.Series:
    """Class id (1..K) -> name, of all classes; no file is listed. UserError if there is none."""
    root, problems = Path(root), Problems()
    classes_in = _parents(root, section)
    if not classes_in:
        return _of_imagenet()
    names = _folders_of_classes(root, section, classes_in, problems)
    problems.raise_if_any(root)
    return pd.Series(names, index=range(1, len(names) + 1), dtype=object)


def _parents(root: Path, section: Records) -> dict[str, str]:
    """Where the folders of the classes lie: folder below the root -> split; none of flat samples.

    Without train/ and test/ the root's own folders are the classes, if there are two or more, each
    has an image, and none is named like a split: a root of ``Train`` and ``Test``, or of ``images``
    and ``annotations``, must not become a study of two classes.
    """
    splits = {split: split for split in SPLITS if (root / split).is_dir()}
    if splits.keys() & {"train", "test"}:
        return splits
    folders = _other_folders(root, section)
    if len(folders) < 2 or any(name.lower() in _LIKE_SPLITS for name in [*folders, *splits]):
        return {}
    return {".": "train"} if all(_has_image(root / name) for name in folders) else {}


def _has_image(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(
                Path(entry.name).suffix.lower() in SUFFIXES and not entry.name.startswith(".")
                for entry in entries
            )
    except OSError:  # the reader says what is wrong with it
        return True


def _check_turned(images: pd.DataFrame, section: Records, problems: Problems) -> pd.Series:
    """Note images that EXIF turns and that have boxes or masks, where nothing says which way.

    Returns:
        Whether an image was noted.
    """
    annotated = (images["boxes"].map(len) > 0) | (images["masks"].map(len) > 0)
    unclear = annotated & (images["orientation"] > 1) & (section.orientation is None)
    problems.add(
        "image with boxes or masks is to be turned by its EXIF orientation. Most programs show and "
        "annotate it turned: set `records: {orientation: upright}`, or `stored` if boxes and masks "
        "refer to the pixels as they are in the file",
        *images["image_id"][unclear],
    )
    return unclear


class _Found(NamedTuple):
    """The images of a root.

    Attributes:
        images: ``image_id``, ``class_id`` and ``split`` of each.
        names: class id -> name.
        counts: what else lies there, for the summary.
    """

    images: pd.DataFrame
    names: pd.Series
    counts: dict[str, Any]


def _folders_of_classes(
    root: Path, section: Records, classes_in: dict[str, str], problems: Problems
) -> list[str]:
    """The names of the classes, in the order of their ids."""
    if "." in classes_in:
        found = set(_other_folders(root, section))
    else:
        folders = [path for split in classes_in for path in (root / split).iterdir()]
        found = {path.name for path in folders if path.is_dir() and not path.name.startswith(".")}
    found = set(in_utf8(sorted(found), problems))
    numbers = all(name.isdecimal() for name in found)
    return sorted(found, key=(lambda name: (int(name), name)) if numbers else None)


def _class_folders(root: Path, section: Records, problems: Problems) -> _Found:
    """The images below SPLIT/CLASS/ or CLASS/, at any depth."""
    classes_in = _parents(root, section)
    drawn = "." in classes_in
    names = _folders_of_classes(root, section, classes_in, problems)
    rows, nested, hidden, others = [], Counter[str](), 0, []
    for folder, split in classes_in.items():
        if not drawn:  # in the root itself may lie anything
            files, invisible = _files(root, folder, deep=False)
            others += files
            hidden += invisible
        for class_id, name in enumerate(names, start=1):
            if not (root / folder / name).is_dir():
                continue
            below = name if drawn else f"{folder}/{name}"
            files, invisible = _files(root, below, deep=True)
            hidden += invisible
            for file in in_utf8(files, problems):
                if Path(file).suffix.lower() in SUFFIXES and not _is_special(root / file):
                    rows.append((file, class_id, split))
                    if file.count("/") > below.count("/") + 1:
                        nested[file.rpartition("/")[0]] += 1
                else:
                    others.append(file)
    counts = {
        "other_files": counted(others),
        "hidden_files": hidden,
        "folders_that_are_not_splits": counted([] if drawn else _other_folders(root, section)),
        "images_in_folders_below_their_class": {
            "count": nested.total(),
            "first": [f"{printable(folder)} ({n})" for folder, n in nested.most_common(20)],
        },
    }
    images = pd.DataFrame(rows, columns=["image_id", "class_id", "split"])
    if drawn:
        images["split"] = hold_out(images, section.test_fraction, _TEST_SEED, split="test")
        images = images.sort_values("split", ascending=False, kind="stable", ignore_index=True)
        counts["test_images_drawn"] = int((images["split"] == "test").sum())
    return _Found(images, pd.Series(names, range(1, len(names) + 1), dtype=object), counts)


def _files(root: Path, folder: str, *, deep: bool) -> tuple[list[str], int]:
    """Sorted paths below the root of what is not a folder, and how many hidden ones there are."""
    paths: list[str] = []
    hidden = 0
    here = (root / folder).resolve()
    try:
        entries = sorted(os.scandir(here), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"Cannot list the folder {here}: {error.strerror}.") from error
    for entry in entries:
        if entry.name.startswith("."):
            hidden += 1
        elif not entry.is_dir():
            paths.append(f"{folder}/{entry.name}")
        elif deep and Path(entry).resolve() not in (here, *here.parents):  # a link to above
            below, invisible = _files(root, f"{folder}/{entry.name}", deep=True)
            paths += below
            hidden += invisible
    return paths, hidden


def _is_special(path: Path) -> bool:
    """Whether it is a pipe, socket or device; a link to nowhere is a missing file."""
    return path.exists() and not path.is_file()


def _other_folders(root: Path, section: Records) -> list[str]:
    """Folders of the root that are not read, such as ``validation`` or ``Test``."""
    masks = Path(section.masks or root / MASKS).resolve()
    return sorted(
        path.name
        for path in root.iterdir()
        if path.is_dir() and path.name not in SPLITS and not path.name.startswith(".")
        if path.resolve() != masks and path.resolve() not in masks.parents
    )


def _imagenet_samples(root: Path, section: Records, problems: Problems) -> _Found:
    """The images that lie in the root itself, named by the wnids of ImageNet's classes."""
    files, hidden = _files(root, ".", deep=False)
    files = in_utf8([path.removeprefix("./") for path in files], problems)
    found = [name for name in files if Path(name).suffix.lower() in SUFFIXES]
    class_ids = {wnid: class_id for class_id, wnid in enumerate(imagenet.class_wnids(), start=1)}
    wnids = [match.group() if (match := WNID.match(name)) else "" for name in found]
    strange = [name for name, wnid in zip(found, wnids, strict=True) if wnid not in class_ids]
    if strange:
        others = ", ".join(map(printable, _other_folders(root, section)[:20]))
        raise UserError(
            f"{root} has neither train/ nor test/{f' (but {others})' if others else ''}, and "
            f"{len(strange)} of its {len(found)} images, such as {printable(strange[0])}, are not "
            f"named after a class of ImageNet.\n{LAYOUT}"
        )
    images = pd.DataFrame({"image_id": found, "class_id": [class_ids[wnid] for wnid in wnids]})
    pictures = set(found)
    counts = {
        "other_files": counted(name for name in files if name not in pictures),
        "hidden_files": hidden,
    }
    return _Found(images.assign(split="test"), _of_imagenet(), counts)


def _of_imagenet() -> pd.Series:
    names = imagenet.class_names()
    return pd.Series(names, index=range(1, len(names) + 1))
