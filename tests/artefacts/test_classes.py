import pytest

from pipeline.artefacts.classes import read_class_names, read_titles, wnids_of
from pipeline.catalogue.imagenet import class_names, class_wnids
from pipeline.runtime.errors import UserError

NAMES = ["001.Black_footed_Albatross", "n02088094 Afghan_hound", "wild cat", "4x4"]


def write(path, labels):
    lines = [f"{label},{label + 1},{NAMES[label]}\n" for label in labels]
    path.write_text("label,class_id,name\n" + "".join(lines))
    return path


def test_names_come_in_the_order_of_the_labels(tmp_path):
    assert read_class_names(write(tmp_path / "classes.csv", [2, 0, 3, 1])) == NAMES


def test_titles_are_words_without_numbers_in_front(tmp_path):
    titles = read_titles(write(tmp_path / "classes.csv", range(4)))
    assert titles == ["Black footed Albatross", "Afghan hound", "wild cat", "4x4"]


@pytest.mark.parametrize("content", ["label,name\n1,a\n", "a,b\n", "label,name\n", None])
def test_another_file_is_refused_by_name(tmp_path, content):
    if content is not None:
        (tmp_path / "classes.csv").write_text(content)
    with pytest.raises(UserError, match=r"classes\.csv"):
        read_class_names(tmp_path / "classes.csv")


def test_wnids_stand_in_front_of_names():
    assert wnids_of(class_names()) == class_wnids()
    with pytest.raises(UserError, match="'wild cat' does not begin with a wnid"):
        wnids_of(["n02088094 Afghan_hound", "wild cat"])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["pH_6.4", "pH_7.4"], ["pH 6.4", "pH 7.4"]),
        (["6.4", "7.4"], ["6.4", "7.4"]),
        (["1.finch", "2.finch"], ["1.finch", "2.finch"]),
        (["$1_$5", "Ba$$in"], ["$1 $5", "Ba$$in"]),
        (["n02012849 crane", "n03126707 crane"], ["crane", "crane"]),  # a bird and a machine
    ],
)
def test_titles_keep_names_apart(tmp_path, names, expected):
    lines = [f"{label},{label + 1},{name}\n" for label, name in enumerate(names)]
    (tmp_path / "classes.csv").write_text("label,class_id,name\n" + "".join(lines))
    assert read_titles(tmp_path / "classes.csv") == expected
