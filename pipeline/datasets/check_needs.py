"""The check that a data set has what its study needs, before anything trains."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from pipeline.artefacts.classes import WNID
from pipeline.datasets.check import Problems
from pipeline.settings import Need, RecordsJob

# What the cues stage reads besides the records.
ATTRIBUTES = "attributes/class_attribute_labels_continuous.txt"


def check_needs(
    records: pd.DataFrame,
    names: Sequence[str],
    section: RecordsJob,
    root: str | Path,
    problems: Problems,
) -> None:
    """Note what a study needs and the data set does not have.

    Args:
        records: all used images with all columns of the records.
        names: of its classes.
        section: with ``needs`` and ``least_classes``.
        root: folder of the data set.
        problems: where it is noted.
    """
    test = records[records["split"] == "test"]
    val = records[records["split"] == "val"]
    boxes, masks = _has(test, "boxes"), _has(test, "masks")
    segmentations = bool((test["segmentation"] != "").any())
    absent: dict[Need, Callable[[], bool]] = {
        "train_images": lambda: not (records["split"] == "train").any(),
        "test_images": lambda: test.empty,
        "objects": lambda: not (boxes or masks),
        "objects_or_segmentations": lambda: not (boxes or masks or segmentations),
        "boxes": lambda: not boxes,
        "masks": lambda: not (masks or segmentations),
        "gaze": lambda: section.gaze is None,
        "val_objects": lambda: not (_has(val, "boxes") or _has(val, "masks")),
        "attributes": lambda: not (Path(root) / ATTRIBUTES).is_file(),
        "keypoints": lambda: bool((test["keypoints"].map(len) == 0).any()),
        "wnids": lambda: not all(WNID.match(name) for name in names),
    }
    problems.add(
        "needed by the study but missing", *(CURES[n] for n in section.needs if absent[n]())
    )
    shown = test["label"].nunique()
    if not test.empty and shown < section.least_classes:
        problems.add(
            "needed by the study but missing",
            f"{section.least_classes} classes with test images, which a grid of "
            "`evaluation.grid_pointing` (or `random_logit`) needs; there are "
            f"{shown}: lower its `side`, or drop the evaluation",
        )


CURES: dict[Need, str] = {
    "train_images": "training images: put them in place, or set `epochs: 0` for models that are "
    "only measured",
    "test_images": "test images: without them nothing can be measured. Move a part of the images "
    "to the test split",
    "objects": "a box or mask of any test image, which localisation is measured by: give them, or "
    "set `wsol: false` for the data set",
    "objects_or_segmentations": "a box, mask or segmentation of any test image, which localisation "
    "is measured by: give them, or set `wsol: false` for the data set",
    "boxes": "a box of any test image, which `evaluation.pointing_game` or `relevance` asks for: "
    "give boxes, set `region: mask` if there are masks, or drop the evaluation",
    "masks": "a mask of any test image, which `evaluation.pointing_game` or `relevance` with "
    "`region: mask` asks for: give masks, set `region: box` if there are boxes, or drop the "
    "evaluation",
    "gaze": "fixations, which `evaluation.gaze` asks for: name them by `gaze` of the data set, "
    "drop the evaluation, or leave the data set's models out of its `models`",
    "val_objects": "a box or mask of any val image, by which `search` chooses: give them, or set "
    "`search: {score: accuracy}`",
    "attributes": f"{ATTRIBUTES} is missing, which cue localisation needs and pretraining by "
    "attributes: put it in place, or set `cue_localization: false` for the data set",
    "keypoints": "keypoints of every test image (parts/part_locs.txt), which cue localisation "
    "needs: put them in place, or set `cue_localization: false` for the data set",
    "wnids": "class names that begin with a wnid such as n02088094, by which `supersets: {kind: "
    "wordnet}` finds them: take `all` or `singletons` for the data set",
}


def _has(images: pd.DataFrame, column: str) -> bool:
    return bool((images[column].map(len) > 0).any())
