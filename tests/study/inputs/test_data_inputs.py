import pytest
from workflow_config import study_of, study_with

from pipeline.artefacts.paths import NOTHING, Names
from pipeline.study.inputs.data import DataInputs

BIRDS = Names(dataset="birds")


def test_drawn_data_come_from_the_results_folder(study, paths):
    data = DataInputs(study, paths)
    assert data.root(BIRDS) == "out/raw/birds"
    assert data.raw(BIRDS) == ["out/raw/birds.json"]


def test_a_folder_is_watched_by_the_annotations_that_it_has(tmp_path, paths):
    (tmp_path / "parts").mkdir()
    for name in ("images.txt", "parts/part_locs.txt"):
        (tmp_path / name).touch()
    data = DataInputs(study_of({"root": str(tmp_path)}), paths)
    assert data.raw(BIRDS) == [f"{tmp_path}/images.txt", f"{tmp_path}/parts/part_locs.txt"]


def test_fixations_are_watched_wherever_they_are(tmp_path, paths):
    for name in ("Fixation_run1.txt", "looks.csv"):
        (tmp_path / name).touch()
    for gaze, files in ((tmp_path, ["Fixation_run1.txt"]), (tmp_path / "looks.csv", ["looks.csv"])):
        data = DataInputs(study_of({"root": str(tmp_path), "gaze": str(gaze)}), paths)
        assert data.gaze(BIRDS) == str(gaze)
        assert data.gaze_files(BIRDS) == [f"{tmp_path}/{name}" for name in files]
    data = DataInputs(study_of({"root": str(tmp_path), "gaze": "nowhere"}), paths)
    assert data.gaze_files(BIRDS) == []


def test_a_layout_is_read_by_its_own_module(study, paths):
    assert DataInputs(study, paths).reader(BIRDS) == "pipeline.datasets.cub"


@pytest.mark.parametrize(("split", "found"), [(None, 1), ("test", 1), ("val", 0)])
def test_pairs_are_of_test_images_alone(study, paths, split, found):
    pairs = DataInputs(study, paths).pairs(Names(dataset="birds", split=split))
    assert pairs == ["out/cues/birds/pairs.csv"][:found]


def test_rules_of_shards_are_of_data_sets_with_and_without_an_address(paths):
    birds = DataInputs(study_of({"draw": {}, "shards": {"url": "http://host/birds"}}), paths)
    assert (birds.remote(), birds.local()) == ("birds", NOTHING)
    assert birds.url(BIRDS) == "http://host/birds"
    birds = DataInputs(study_of({"draw": {}}), paths)
    assert (birds.remote(), birds.local()) == (NOTHING, "birds")


def test_val_records_are_asked_for_where_they_choose_a_threshold(study, paths):
    assert DataInputs(study, paths).val_records(BIRDS) == []
    chosen = study_with(evaluation={"wsol": {"val_threshold": True}})
    assert DataInputs(chosen, paths).val_records(BIRDS) == ["out/datasets/birds/val.parquet"]
