"""What all readers share: from the images that a layout names to checked records."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.artefacts.pairs import named_labels
from pipeline.artefacts.records import SPLITS
from pipeline.datasets.check import Problems, counted
from pipeline.datasets.check_boxes import check_boxes
from pipeline.datasets.check_classes import check_classes
from pipeline.datasets.check_images import Picture, check_images, odd_images
from pipeline.datasets.check_needs import check_needs
from pipeline.datasets.gaze import checked_gaze
from pipeline.datasets.selection import first_of_each_class, hold_out, parse_classes
from pipeline.settings import Records, RecordsJob

SIZE = ("width", "height")
SWAPPED = 4  # EXIF orientations above it turn an image by a quarter


def choose(
    images: pd.DataFrame,
    names: pd.Series,
    section: Records,
    problems: Problems,
    *,
    splits: Sequence[str] = ("train", "test"),
    workers: int,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Take the images that are used, and decode each.

    Args:
        images: all images in the order of the lists: ``image_id``, ``path``, ``class_id``,
            ``split``, and what else the reader knows.
        names: class id (1..K) -> name.
        section: selected classes, and how many images of each.
        problems: where they are noted.
        splits: those in which each class must have an image.
        workers: decoding threads.

    Returns:
        The images that are used, with ``label``, ``upright`` and the columns of
        `pipeline.datasets.check_images.Picture` added, width and height as they are used; classes
        (``label``, ``class_id``, ``name``); how many images are not used.
    """
    chosen = parse_classes(section.classes, names)
    classes = pd.DataFrame({"label": range(len(chosen)), "class_id": chosen})
    classes["name"] = [names[number] for number in chosen]
    selected = images[images["class_id"].isin(chosen)]
    check_classes(selected, classes, problems, splits)
    used = selected[first_of_each_class(selected, section)].copy()
    used["label"] = used["class_id"].map(classes.set_index("class_id")["label"])
    skipped = {
        "images_of_other_classes": len(images) - len(selected),
        "images_beyond_the_number_per_class": len(selected) - len(used),
    }
    used = used.join(check_images(used, problems, workers))
    used["upright"] = (used["orientation"] > 1) & (section.orientation == "upright")
    swapped = used["upright"] & (used["orientation"] > SWAPPED)
    used.loc[swapped, ["width", "height"]] = used.loc[swapped, ["height", "width"]].to_numpy()
    return used, classes, skipped


def finish(
    images: pd.DataFrame,
    classes: pd.DataFrame,
    root: str | Path,
    section: Records,
    problems: Problems,
    details: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Check the boxes, raise what was found, and make the splits and the summary.

    Args:
        images: the used images with all columns of the records.
        classes: as of `choose`.
        root: folder of the data set, for the message.
        section: the choice of val images, used where the data set has none of its own.
        problems: found so far.
        details: what the reader adds to the summary.

    Returns:
        What a reader returns: records with ``split``, classes, the summary for check.json.

    Raises:
        UserError: something is wrong with the files: every problem found, in one message.
    """
    images["boxes"], cut = check_boxes(images, problems)
    if not (images["split"] == "val").any():
        images["split"] = hold_out(images, section.val_fraction, section.val_seed, split="val")
    if isinstance(section, RecordsJob):
        check_needs(images, classes["name"].to_list(), section, root, problems)
        _, faults = named_labels(classes["name"].to_list(), section.class_pairs)
        problems.add("of what the config asks for", *faults)
        if section.gaze is not None:
            checked_gaze(section.gaze, root, images[images["split"] == "test"], problems)
    problems.raise_if_any(root)
    summary = {
        "classes": len(classes),
        "images": {split: int((images["split"] == split).sum()) for split in SPLITS},
        "sizes": {
            side: {name: float(images[side].agg(name)) for name in ("min", "median", "max")}
            for side in ("width", "height")
        },
        **odd_images(images),
        "images_turned_by_exif": counted(images["image_id"][images["upright"]]),
        "images_with_exif_orientation_used_as_stored": counted(
            images["image_id"][(images["orientation"] > 1) & ~images["upright"]]
        ),
        "boxes_cut_at_the_border": cut,
        "without_boxes": int((images["boxes"].map(len) == 0).sum()),
    }
    images = images.drop(columns=[name for name in Picture._fields if name not in SIZE])
    return images.reset_index(drop=True), classes, summary | details
