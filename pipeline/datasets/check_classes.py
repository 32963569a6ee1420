"""The check of classes: each has images, and those of CUB-200-2011 are as many as published."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.datasets.check import Problems

# class_id, name, train, test: number of images of each class in the official lists
OFFICIAL_COUNTS = Path(__file__).parent / "cub_class_counts.csv"


def check_classes(
    records: pd.DataFrame,
    classes: pd.DataFrame,
    problems: Problems,
    splits: Sequence[str] = ("train", "test"),
) -> None:
    """Note classes without an image, and counts unlike the official ones of CUB-200-2011.

    Args:
        records: rows with ``class_id`` and ``split``.
        classes: rows with ``class_id`` and ``name``, the selected classes.
        problems: where they are noted.
        splits: those in which each class must have an image. The official counts are held against
            a data set only if they are train and test.
    """
    counts = pd.crosstab(records["class_id"], records["split"]).reindex(
        index=classes["class_id"], columns=list(splits), fill_value=0
    )
    names = classes.set_index("class_id")["name"]
    for split in counts:
        problems.add(
            f"class has no {split} image", *names[counts.index[counts[split] == 0]].tolist()
        )
    official = _official_counts()
    # a folder whose class has the official name is CUB-200-2011, or was made from it
    named = any(official.get(number, ("",))[0] == name for number, name in names.items())
    if not named or not {"train", "test"} <= set(splits):
        return
    for number, name in names.items():
        expected = official.get(number)
        here = (name, int(counts.train[number]), int(counts.test[number]))
        if expected is not None and here != expected:
            problems.add(
                "class differs from CUB-200-2011 (name, training, test images)",
                f"class {number}: {here[0]}, {here[1]}, {here[2]}; official: "
                f"{expected[0]}, {expected[1]}, {expected[2]}",
            )


def _official_counts() -> dict[int, tuple[str, int, int]]:
    with OFFICIAL_COUNTS.open(newline="") as stream:
        return {
            int(row["class_id"]): (row["name"], int(row["train"]), int(row["test"]))
            for row in csv.DictReader(stream)
        }
