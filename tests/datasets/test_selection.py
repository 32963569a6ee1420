import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from pipeline.datasets.selection import first_of_each_class, hold_out, parse_classes
from pipeline.runtime.errors import UserError
from pipeline.settings import Records


@pytest.mark.parametrize(
    ("text", "expected"),
    [("all", [1, 2, 3, 4, 5]), ("3", [3]), ("2-4", [2, 3, 4]), ("5,1-2,2", [1, 2, 5])],
)
def test_class_ranges(text, expected):
    assert parse_classes(text, pd.Series(list("abcde"), range(1, 6))) == expected


@pytest.mark.parametrize("text", ["0", "6", "4-6", "3-2", "1,2,9-10"])
def test_class_ranges_outside_the_data_set_are_refused(text):
    with pytest.raises(UserError, match=r"records\.classes: .* not a range within 1-5"):
        parse_classes(text, pd.Series(list("abcde"), range(1, 6)))


def table(sizes):
    """``sizes``: number of training images of class 1, 2, ...; two test images each."""
    rows = [(c, "train") for c, size in enumerate(sizes, start=1) for _ in range(size)]
    rows += [(c, "test") for c in range(1, len(sizes) + 1) for _ in range(2)]
    return pd.DataFrame(rows, columns=["class_id", "split"]).sample(frac=1, random_state=0)


def test_val_is_a_part_of_each_class():
    records = table([30, 14, 2, 1, 100])
    split = hold_out(records, 0.1, seed=0, split="val")
    counts = pd.crosstab(records.class_id, split)
    # of 146 images in classes of two and more 15 are held out, and one more for the class of two
    assert counts.val.tolist() == [3, 2, 1, 0, 10]
    assert counts.train.tolist() == [27, 12, 1, 1, 90]
    assert counts.test.tolist() == [2] * 5
    assert (records.split[split == "val"] == "train").all()


def test_val_depends_on_its_seed():
    records = table([30, 30])
    first = hold_out(records, 0.5, seed=0, split="val")
    assert first.equals(hold_out(records, 0.5, seed=0, split="val"))
    assert not first.equals(hold_out(records, 0.5, seed=1, split="val"))
    # the classes do not choose the same places
    train = records.split == "train"
    chosen = [first[train & (records.class_id == c)].eq("val").tolist() for c in (1, 2)]
    assert chosen[0] != chosen[1]


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.34, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("sizes", [[2], [2, 2, 2], [1, 2, 3], [40, 2, 2, 5, 1], [7] * 30])
def test_each_class_is_on_both_sides_in_proportion(sizes, fraction):
    records = table(sizes)
    split = hold_out(records, fraction, seed=3, split="val")
    assert (split[records.split == "test"] == "test").all()
    for class_id, size in enumerate(sizes, start=1):
        val = int((split[records.class_id == class_id] == "val").sum())
        assert val == 0 if size == 1 else 1 <= val <= size - 1
        share = np.clip(fraction, 1 / max(size, 2), 1 - 1 / max(size, 2))
        assert size == 1 or abs(val - share * size) <= 1 + (
            size == 40
        )  # small classes take from it


def test_where_no_class_is_small_it_is_the_split_of_scikit_learn():
    records = table([30, 20, 10])
    train = records[records.split == "train"]
    kept, held_out = train_test_split(
        train.index,
        test_size=12,
        stratify=train.class_id,
        random_state=np.random.RandomState(np.random.MT19937(5)),
    )
    split = hold_out(records, 0.2, seed=5, split="val")
    assert set(split.index[split == "val"]) == set(held_out)
    assert set(split.index[split == "train"]) == set(kept)


def test_classes_of_one_image_alone_hold_out_nothing():
    records = table([1, 1])
    assert hold_out(records, 0.5, seed=0, split="val").equals(records.split)


def test_no_val():
    records = table([3, 3])
    assert hold_out(records, 0.0, seed=0, split="val").equals(records.split)


def test_the_first_of_each_class_and_split():
    rows = [(1, "train"), (2, "train"), (1, "train"), (1, "test"), (1, "test"), (1, "val"),
            (1, "val"), (2, "test")]  # fmt: skip
    records = pd.DataFrame(rows, columns=["class_id", "split"])
    assert first_of_each_class(records, Records()).all()
    kept = first_of_each_class(records, Records(train_per_class=1, test_per_class=1))
    assert kept.tolist() == [True, True, False, True, False, True, True, True]
