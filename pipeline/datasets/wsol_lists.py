"""The lists of the WSOL benchmark: one split's ids, labels, sizes, and boxes or masks."""

import os
from pathlib import Path

import pandas as pd

from pipeline.catalogue.imagenet import class_wnids
from pipeline.datasets.check import Problems, in_utf8
from pipeline.datasets.lists import check_ids, leaving, read_column, read_rows

# The files of a split, and what their lines look like; the last two may be missing.
LISTS = {
    "image_ids.txt": "lines '<path of the image below the root>'",
    "class_labels.txt": "lines '<image id>,<label, from 0>'",
    "image_sizes.txt": "lines '<image id>,<width>,<height>', pixels; may be missing",
    "localization.txt": "lines '<image id>,<x0>,<y0>,<x1>,<y1>' or '<image id>,<mask>,<ignore mask "
    "or nothing>', one per object; may be missing",
}


def read_split(folder: Path, root: Path, problems: Problems) -> pd.DataFrame:
    """The images of a split, in the order of image_ids.txt; those without a label are left out.

    Args:
        folder: of the lists. Without image_ids.txt there is no image, but for a folder ``train``
            the images of ``root``/train/<wnid>/*.JPEG: the benchmark's authors do not publish the
            list of ImageNet's training images.
        root: folder of the images.
        problems: where everything that is wrong in the lists is noted.

    Returns:
        ``image_id``, ``label``, ``listed_width``, ``listed_height`` (pixels; NaN where unknown),
        ``boxes`` (4 K numbers), ``masks`` (paths) and ``ignore`` (a path or "").
    """
    source = folder / "image_ids.txt"
    if source.is_file():
        images = _labelled(source, folder / "class_labels.txt", problems)
    else:
        files = _imagenet_folders(root, problems) if folder.name == "train" else []
        images = pd.DataFrame(files, columns=["image_id", "label"])
    ids = images["image_id"]
    sizes = _read_sizes(folder / "image_sizes.txt", source, ids, problems)
    for place, side in enumerate(("listed_width", "listed_height")):
        images[side] = [sizes[name][place] if name in sizes else float("nan") for name in ids]
    boxes, masks, ignore = _read_objects(folder / "localization.txt", source, ids, problems)
    images["boxes"] = [boxes.get(name, []) for name in ids]
    images["masks"] = [masks.get(name, []) for name in ids]
    images["ignore"] = [ignore.get(name, "") for name in ids]
    return images


def _labelled(source: Path, path: Path, problems: Problems) -> pd.DataFrame:
    images = pd.DataFrame(read_rows(source, (str,), problems), columns=["image_id"])
    if images.empty:
        problems.add("list is empty", str(source))
    labels = read_column(path, (str, int), problems, comma=True)
    check_ids(labels.index, path, pd.Index(images["image_id"].unique()), source, problems)
    images["label"] = images["image_id"].map(labels.to_dict())
    images = images[~images["image_id"].isin(leaving(images["image_id"], source, problems))]
    return images.dropna().astype({"label": int})


def _imagenet_folders(root: Path, problems: Problems) -> list[tuple[str, int]]:
    """Ids and labels of train/<wnid>/*.JPEG, in the usual order of the classes; [] elsewhere."""
    return [
        (f"train/{wnid}/{name}", label)
        for label, wnid in enumerate(class_wnids())
        if (root / "train" / wnid).is_dir()
        for name in in_utf8(sorted(os.listdir(root / "train" / wnid)), problems)
        if name.endswith(".JPEG")
    ]


def _read_sizes(
    path: Path, source: Path, ids: pd.Series, problems: Problems
) -> dict[str, tuple[int, int]]:
    if not path.is_file():
        return {}
    sizes = read_column(path, (str, int, int), problems, comma=True)
    check_ids(sizes.index, path, pd.Index(ids.unique()), source, problems)
    wrong = [name for name, size in sizes.items() if min(size) < 1]
    problems.add("listed size is not positive", *(f"{path}: {name}" for name in wrong))
    return sizes.drop(wrong).to_dict()


def _read_objects(
    path: Path, source: Path, ids: pd.Series, problems: Problems
) -> tuple[dict[str, list[float]], dict[str, list[str]], dict[str, str]]:
    """Boxes (4 K numbers), mask paths, and the ignore path of each image id that has any."""
    boxes: dict[str, list[float]] = {}
    masks: dict[str, list[str]] = {}
    ignore: dict[str, str] = {}
    if not path.is_file():
        return boxes, masks, ignore
    with path.open(errors="replace") as stream:
        has_masks = stream.readline().count(",") == 2
    types = (str, str, str) if has_masks else (str, float, float, float, float)
    rows = read_rows(path, types, problems, comma=True)
    unknown = sorted({name for name, *_ in rows}.difference(ids))
    problems.add(f"id is not in {source.name}", *(f"{path}: {name}" for name in unknown))
    if has_masks:
        elsewhere = leaving((mask for row in rows for mask in row[1:]), path, problems)
        rows = [row for row in rows if elsewhere.isdisjoint(row[1:])]
    for name, *values in rows:
        if not has_masks:
            boxes.setdefault(name, []).extend(values)
            continue
        mask, ignored = values
        masks.setdefault(name, []).append(mask)
        if ignored and ignore.setdefault(name, ignored) != ignored:
            problems.add("image has several ignore masks", f"{path}: {name}")
    return boxes, masks, ignore
