import pandas as pd
import pytest

from pipeline.artefacts.pairs import named_labels, read_pairs, write_pairs

NAMES = ["n02088094 Afghan hound", "n02012849 crane", "n03126707 crane", "n02091831 Saluki"]


@pytest.mark.parametrize(
    "pair",
    [
        ("n02088094", "n02091831"),
        ("Afghan hound", "Saluki"),
        ("afghan_hound", "n02091831 Saluki"),
    ],
)
def test_classes_are_named_by_wnid_name_or_title(pair):
    assert named_labels(NAMES, [pair]) == ([(0, 3)], [])


def test_names_of_birds_need_no_numbers():
    names = ["001.Black_footed_Albatross", "029.American_Crow"]
    assert named_labels(names, [("American crow", "Black-footed Albatross")]) == ([(1, 0)], [])


def test_every_wrong_name_is_said_once():
    pairs = [("afgan hound", "Saluki"), ("crane", "Saluki"), ("afgan hound", "n02088094")]
    found, faults = named_labels(NAMES, [*pairs, ("Saluki", "n02091831")])
    assert found == []
    assert faults == [
        "class_pairs: no class is called 'afgan hound'; did you mean 'Afghan hound'?",
        "class_pairs: several classes are called 'crane': 'n02012849 crane', 'n03126707 crane'",
        "class_pairs: 'Saluki' and 'n02091831' are the same class",
    ]


def test_pairs_without_parts_are_read_as_they_were_written(tmp_path):
    row = {"class_a": 1, "class_b": 4, "label_a": 0, "label_b": 3, "parts": (), "n_parts": 0}
    write_pairs(tmp_path / "pairs.csv", pd.DataFrame([row, {**row, "parts": (1, 7), "n_parts": 2}]))
    assert list(read_pairs(tmp_path / "pairs.csv")["parts"]) == [(), (1, 7)]
