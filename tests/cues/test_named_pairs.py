import pandas as pd
import pytest

from pipeline.artefacts.files import read_json
from pipeline.artefacts.pairs import read_label_pairs, read_pairs
from pipeline.cues.named_pairs import check_measured, run
from pipeline.runtime.errors import UserError

CLASSES = pd.DataFrame(
    {"label": range(3), "class_id": [11, 12, 13], "name": ["001.Fish_Crow", "002.Wren", "003.Owl"]}
)


@pytest.fixture
def classes(tmp_path):
    CLASSES.to_csv(tmp_path / "classes.csv", index=False)
    return tmp_path / "classes.csv"


def test_pairs_of_the_config_become_pairs_without_parts(classes, tmp_path):
    out, check = tmp_path / "pairs.csv", tmp_path / "elsewhere" / "cue_check.json"
    named = ["--named", '[["owl", "Fish Crow"]]', "--classes", str(classes)]
    run([*named, "--pairs-out", str(out), "--check-out", str(check)])
    assert read_json(check) == {"pairs": 1}
    (row,) = read_pairs(out).to_dict("records")
    assert row == {
        "class_a": 13, "class_b": 11, "label_a": 2, "label_b": 0, "parts": (), "n_parts": 0,
    }  # fmt: skip
    assert read_label_pairs(out) == [(2, 0)]


def test_an_unknown_name_is_an_error_that_lists_all_of_them(classes, tmp_path):
    named = '[["oul", "Wren"], ["Wren", "x"]]'
    with pytest.raises(UserError) as caught:
        run(["--named", named, "--classes", str(classes), "--pairs-out", "x", "--check-out", "y"])
    assert str(caught.value).count("no class is called") == 2
    assert "did you mean 'Owl'" in str(caught.value)


def test_pairs_that_are_not_measured_are_refused():
    pairs = pd.DataFrame({"label_a": [0], "label_b": [1]})
    check_measured(CLASSES, [("Wren", "Fish Crow")], pairs)  # in either order
    with pytest.raises(UserError, match=r"Fish_Crow' and '003.Owl' differ in no part or"):
        check_measured(CLASSES, [("Fish Crow", "Owl")], pairs)
