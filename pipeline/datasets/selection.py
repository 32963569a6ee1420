"""Which classes and images of a data set are used, and which training images become val."""

import numpy as np
import pandas as pd

from pipeline.runtime.errors import UserError
from pipeline.settings import Records


def parse_classes(text: str, names: pd.Series) -> list[int]:
    """Class ids of 'all' or of ranges such as '1-50,60', ascending.

    Args:
        text: the ranges. Where all classes are named by numbers, they are of these names.
        names: class id (1..K) -> name.

    Raises:
        UserError: a range leaves 1..K, or runs backwards; or, of names, holds no class.
    """
    number = len(names)
    if text == "all":
        return list(range(1, number + 1))
    if all(name.isdecimal() for name in names):
        return _named_by_numbers(text, names)
    chosen: set[int] = set()
    for part in text.split(","):
        edges = [int(edge) for edge in part.split("-")]
        first, last = edges[0], edges[-1]
        if not 1 <= first <= last <= number:
            raise UserError(
                f"records.classes: '{part}' is not a range within 1-{number}, the classes of this "
                "data set."
            )
        chosen.update(range(first, last + 1))
    return sorted(chosen)


def _named_by_numbers(text: str, names: pd.Series) -> list[int]:
    chosen: set[int] = set()
    for part in text.split(","):
        edges = [int(edge) for edge in part.split("-")]
        found = {id_ for id_, name in names.items() if edges[0] <= int(name) <= edges[-1]}
        if not found:
            raise UserError(
                f"records.classes: no class is named by a number within '{part}'. The classes are "
                f"{', '.join(names.iloc[:20])}{', ...' if len(names) > 20 else ''}."
            )
        chosen |= found
    return sorted(chosen)


def first_of_each_class(records: pd.DataFrame, section: Records) -> pd.Series:
    """True for the images that `train_per_class` and `test_per_class` leave.

    Args:
        records: rows with ``class_id`` and ``split``, in the order of the data set's lists.
        section: the limits; val images have none.
    """
    limits = {"train": section.train_per_class, "test": section.test_per_class}
    place = records.groupby(["class_id", "split"]).cumcount()  # 0 for the first of its class
    return place < records["split"].map(limits).astype(float).fillna(np.inf)


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
