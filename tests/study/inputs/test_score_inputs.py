import json

import pytest
from workflow_config import study_with

from pipeline.artefacts.paths import Names
from pipeline.study.inputs.scores import ScoreInputs

MODEL = ("birds", "pretrained", "cam", 3)


@pytest.fixture
def measured(paths):
    evaluation = {"erase": {"methods": ["cam"]}, "sanity": {}, "wsol": {"val_threshold": True}}
    return ScoreInputs(study_with(evaluation=evaluation), paths)


def test_every_score_of_a_study(measured):
    scores = measured.all()
    assert len(scores) == len(set(scores))
    cam = [name.removeprefix("out/scores/") for name in scores if "/cam/seed3/" in name]
    assert sorted(cam) == [
        "calibration/birds/pretrained/cam/seed3/model.json",
        "classification/birds/pretrained/cam/seed3/model.json",
        "cue_localization/birds/pretrained/cam/seed3/cam.json",
        "cue_localization/birds/pretrained/cam/seed3/gradient.json",
        "erase/birds/pretrained/cam/seed3/cam.json",
        "sanity/birds/pretrained/cam/seed3/cam.json",
        "sanity/birds/pretrained/cam/seed3/gradient.json",
        "wsol/birds/pretrained/cam/seed3/cam.json",
        "wsol/birds/pretrained/cam/seed3/gradient.json",
    ]
    assert "out/scores/cue_localization/birds/baselines/chance.json" in scores
    assert not [name for name in scores if "others" in name]  # it only pretrains
    # a counterfactual map explains no single class
    assert not [name for name in scores if name.endswith("/counterfactual.json")]


def test_the_calibration_is_of_every_model_unless_it_is_not_wanted(measured, paths):
    assert measured.calibrations(Names("birds", "pretrained"), 3) == [
        f"out/scores/calibration/birds/pretrained/{variant}/seed3/model.json"
        for variant in ("cam", "calm_em")
    ]
    without = ScoreInputs(study_with(evaluation={"calibration": None}), paths)
    assert without.calibrations(Names("birds", "pretrained"), 3) == []
    assert not [name for name in without.all() if "calibration" in name]


def test_an_evaluation_may_need_a_score_without_maps(measured):
    erase = Names(*MODEL, task="erase", method="cam")
    assert measured.task_base(erase) == [
        "out/scores/erase_random/birds/pretrained/cam/seed3/model.json"
    ]
    assert measured.task_base(Names(*MODEL, task="sanity", method="cam")) == []


def test_an_evaluation_reads_further_files_of_its_data_set(paths):
    study = study_with(evaluation={"gaze": {}, "contrastive_deletion": {}, "sanity": {}})
    scores = ScoreInputs(study, paths)
    gaze = Names(*MODEL, task="gaze", method="cam")
    assert scores.task_fixations(gaze) == ["out/datasets/birds/fixations.parquet"]
    assert scores.task_pairs(gaze) == []
    contrast = Names(*MODEL, task="contrastive_deletion", method="cam")
    assert scores.task_pairs(contrast) == ["out/cues/birds/pairs.csv"]
    assert scores.task_fixations(contrast) == []
    found = [name.removeprefix("out/scores/") for name in scores.all()]
    for baseline in ("viewers", "center_gaussian", "uniform"):
        assert f"gaze/birds/baselines/{baseline}.json" in found
    # a counterfactual map is of two classes, as this evaluation is
    assert "contrastive_deletion/birds/pretrained/calm_em/seed3/counterfactual.json" in found
    assert "gaze/birds/pretrained/calm_em/seed3/counterfactual.json" not in found


def test_an_evaluation_that_explains_has_the_methods_code_and_options(measured):
    sanity = Names(*MODEL, task="sanity", method="gradient")
    assert "pipeline.attribution.methods.gradients" in measured.task_code(sanity)
    assert json.loads(measured.task_options(sanity)).keys() == {"gradient_maps", "target"}
    erase = Names(*MODEL, task="erase", method="gradient")
    assert measured.task_code(erase) == ("pipeline.evaluation", "pipeline.evaluation.erasing.erase")
    assert measured.task_options(erase) == "{}"


def test_the_val_maps_choose_a_threshold(measured):
    found = measured.val_maps(Names(*MODEL, method="cam"))
    assert found == ["out/maps/birds/pretrained/cam/seed3/val/cam.h5"]
    assert measured.val_maps(Names(*MODEL, method="mine")) == []  # a user's own are of test images


def test_identities_are_null_where_they_have_no_meaning(measured):
    assert json.loads(measured.identity(Names(*MODEL, method="cam"))) == {
        "dataset": "birds",
        "architecture": "pretrained",
        "variant": "cam",
        "seed": 3,
        "method": "cam",
    }
    baseline = json.loads(measured.identity(Names(dataset="birds", method="chance")))
    assert baseline["seed"] is baseline["variant"] is None
