"""What all readers share: from the images that a layout names to checked records."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.artefacts.records import SPLITS
from pipeline.datasets.check import Problems, check_boxes, check_classes, check_images
from pipeline.datasets.selection import first_of_each_class, hold_out_val, parse_classes
from pipeline.settings import Records


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
        The images that are used, with ``label``, ``width``, ``height`` and ``grey`` added; classes
        (``label``, ``class_id``, ``name``); how many images are not used.
    """
    chosen = parse_classes(section.classes, len(names))
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
    return used.join(check_images(used, problems, workers)), classes, skipped


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
    problems.raise_if_any(root)
    if not (images["split"] == "val").any():
        images["split"] = hold_out_val(images, section.val_fraction, section.val_seed)
    summary = {
        "classes": len(classes),
        "images": {split: int((images["split"] == split).sum()) for split in SPLITS},
        "sizes": {
            side: {name: float(images[side].agg(name)) for name in ("min", "median", "max")}
            for side in ("width", "height")
        },
        "grey_images": int(images["grey"].sum()),
        "boxes_cut_at_the_border": cut,
        "without_boxes": int((images["boxes"].map(len) == 0).sum()),
    }
    return images.reset_index(drop=True), classes, summary | details
