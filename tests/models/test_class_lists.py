import json
import os

import pytest

from pipeline.models.class_lists import outputs_of, read_class_list
from pipeline.runtime.errors import UserError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("names.txt", "Crow\n\n Jay\nBlue Tit \n"),
        ("names.json", '["Crow", "Jay", "Blue Tit"]'),
        ("id2label.json", '{"0": "Crow", "2": "Blue Tit", "1": "Jay"}'),
        ("classes.csv", "label,class_id,name\n0,1,Crow\n1,2,Jay\n2,3,Blue Tit\n"),
    ],
)
def test_files_that_people_have(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert read_class_list(str(tmp_path / name)) == ["Crow", "Jay", "Blue Tit"]
    assert read_class_list(tmp_path / name) == ["Crow", "Jay", "Blue Tit"]


def test_wnids_with_names(tmp_path):
    index = {"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}
    (tmp_path / "imagenet_class_index.json").write_text(json.dumps(index))
    names = read_class_list(str(tmp_path / "imagenet_class_index.json"))
    assert outputs_of(["n01443537_goldfish"], names) == [1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", "{"),
        ("x.csv", "a,b\n1,2\n"),
        ("x.json", '{"1": "a"}'),
        ("x.json", "[" * 100_000),  # deeper than Python goes
        ("x.csv", f"name\n{'a' * 200_000}\n"),  # longer than a field may be
        ("x.csv", "id,name\n1\n"),  # a row without the column
    ],
)
def test_what_is_no_list_is_refused(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=r"x\.\w+ is no list of classes"):
        read_class_list(str(tmp_path / name))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.txt")
    with pytest.raises(UserError, match=r"x\.txt is no regular file"):
        read_class_list(str(tmp_path / "x.txt"))


def test_imagenets_own_labels():
    names = read_class_list("imagenet")
    assert len(names) == 1000
    assert outputs_of(["n01443537_goldfish", "n01440764_tench"], names) == [1, 0]
    # two classes are called crane: of names alone neither is taken
    assert outputs_of(["goldfish"], names) == [1]
    with pytest.raises(UserError, match=r"does not know 1 of the data set's 1 cl.*'crane'"):
        outputs_of(["crane"], names)


def test_names_are_compared_as_people_write_them():
    known = ["001.Black_footed_Albatross", "002.Laysan_Albatross", "Sooty albatross"]
    assert outputs_of(["Sooty_Albatross", "black-footed albatross"], known) == [2, 0]
    with pytest.raises(UserError, match="'Lasan Albatross'; did you mean '002"):
        outputs_of(["Lasan Albatross"], known)


def test_two_classes_are_not_one_output():
    with pytest.raises(UserError, match="two classes of the data set are the network's 'Crow'"):
        outputs_of(["crow", "Crow"], ["Crow", "Jay"])
    with pytest.raises(UserError, match="'Crow' is there twice"):
        read_class_list(["Crow", "Crow"])
