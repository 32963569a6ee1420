import pytest
from finished_study import identity, score

from pipeline.runtime.errors import UserError
from pipeline.tracking.results import flat, gather, package

CONFIG = {"title": "A study", "protocol": "corrected", "training": {"lr": 0.1}}


def test_scores_are_named_by_what_was_measured(tmp_path):
    model = score(tmp_path / "a.json", "wsol", identity("cam", "cam"), {"class.maxboxaccv2": 0.5})
    baseline = score(
        tmp_path / "b.json", "wsol", identity(None, "center_gaussian"), {"prior.v2": 0.25},
        intervals=False,
    )  # fmt: skip
    found = gather(CONFIG, [model, baseline], [], tmp_path).scores
    stem = "wsol/birds/net/cam/seed0/cam/class.maxboxaccv2"
    assert found == {
        stem: 0.5,
        f"{stem}.low": 0.48,
        f"{stem}.high": 0.53,
        "wsol/birds/center_gaussian/prior.v2": 0.25,
    }


def test_files_keep_their_places_below_the_results(tmp_path):
    figure = tmp_path / "figures/birds/net/training.svg"
    found = gather(CONFIG, [], [figure, tmp_path / "report.html"], tmp_path)
    assert found.files == {
        "figures/birds/net/training.svg": figure,
        "report.html": tmp_path / "report.html",
    }
    assert found.title == "A study"
    assert found.tags["protocol"] == "corrected"


def test_a_config_is_flattened():
    config = {"training": {"lr": 0.1, "flip": True}, "seeds": [0, 1], "search": None, "own": {}}
    assert flat(config | {"title": "x"}) == {
        "training.lr": "0.1",
        "training.flip": "true",
        "seeds": "[0, 1]",
        "search": "null",
        "own": "{}",
        "title": "x",
    }


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(UserError, match=r"pip install 'calm-study\[no_tracker\]'"):
        package("no_tracker")
