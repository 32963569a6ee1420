import pandas as pd
import pytest

from pipeline.datasets.selection import first_of_each_class, hold_out_val, parse_classes
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
    split = hold_out_val(records, 0.1, seed=0)
    counts = pd.crosstab(records.class_id, split)
    assert counts.val.tolist() == [3, 1, 1, 0, 10]
    assert counts.train.tolist() == [27, 13, 1, 1, 90]
    assert counts.test.tolist() == [2] * 5
    assert (records.split[split == "val"] == "train").all()


def test_val_depends_on_its_seed():
    records = table([30, 30])
    first = hold_out_val(records, 0.5, seed=0)
    assert first.equals(hold_out_val(records, 0.5, seed=0))
    assert not first.equals(hold_out_val(records, 0.5, seed=1))
    # the classes do not choose the same places
    train = records.split == "train"
    chosen = [first[train & (records.class_id == c)].eq("val").tolist() for c in (1, 2)]
    assert chosen[0] != chosen[1]


def test_no_val():
    records = table([3, 3])
    assert hold_out_val(records, 0.0, seed=0).equals(records.split)


def test_the_first_of_each_class_and_split():
    rows = [(1, "train"), (2, "train"), (1, "train"), (1, "test"), (1, "test"), (1, "val"),
            (1, "val"), (2, "test")]  # fmt: skip
    records = pd.DataFrame(rows, columns=["class_id", "split"])
    assert first_of_each_class(records, Records()).all()
    kept = first_of_each_class(records, Records(train_per_class=1, test_per_class=1))
    assert kept.tolist() == [True, True, False, True, False, True, True, True]
