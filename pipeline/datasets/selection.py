"""Which classes and images of a data set are used, and which are held out of training."""

from typing import Literal

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


def hold_out(
    records: pd.DataFrame, fraction: float, seed: int, *, split: Literal["val", "test"]
) -> pd.Series:
    """Move a stratified part of the training images to another split, by scikit-learn.

    Of n training images ``fraction * n`` are held out, rounded, each class in proportion. A class
    of two or more images keeps at least one for training and gives at least one away, for which
    a few more may change sides; a class of one image keeps it.

    Args:
        records: rows with ``class_id`` and ``split`` ('train' or 'test').
        fraction: in [0, 1); 0 holds out nothing.
        seed: not negative.
        split: to which they go.

    Returns:
        The new split of each row: 'train', 'val' or 'test'.
    """
    from sklearn.model_selection import StratifiedShuffleSplit  # takes a second to import

    splits = records["split"].copy()
    classes = records["class_id"][splits == "train"]
    classes = classes[classes.duplicated(keep=False)]  # scikit-learn refuses classes of one image
    if fraction == 0 or classes.empty:
        return splits
    least = classes.nunique()  # on either side, which scikit-learn asks for
    number = int(np.clip(round(fraction * len(classes)), least, len(classes) - least))
    draws = np.random.RandomState(np.random.MT19937(seed))
    splitter = StratifiedShuffleSplit(1, test_size=number, random_state=draws)
    _, held_out = next(splitter.split(classes, classes))
    splits[classes.index[held_out]] = split
    for rows in classes.groupby(classes).groups.values():
        if splits[rows].nunique() == 1:  # a small class, of which rounding left one side nothing
            other = "train" if splits[rows[0]] == split else split
            splits[rows[draws.randint(len(rows))]] = other
    return splits
