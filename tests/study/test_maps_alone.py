"""Maps of the user's that belong to no model: what a study measures and asks for."""

import pytest
from small_config import changed

from pipeline.artefacts.paths import Names, Paths
from pipeline.runtime.errors import UserError
from pipeline.study.inputs.models import ModelInputs
from pipeline.study.inputs.report import ReportInputs
from pipeline.study.inputs.scores import ScoreInputs
from pipeline.study.loading import load
from pipeline.study.needs import records_job

ALONE = ("birds", "without_model", "own_maps", 0)


def maps_alone(**keys):
    """A study without any model."""
    return {
        "datasets": {"birds": {"draw": {}}},
        "own_maps": {"mine": {"path": "m.h5", "dataset": "birds"}},
        "results": "out",
        **keys,
    }


def test_they_are_measured_where_maps_alone_are():
    study = load(maps_alone(evaluation={"pointing_game": {}, "sanity": {}, "erase": {}}))
    assert study.models() == study.studied_models() == []
    assert study.measured() == [ALONE]
    assert study.methods_of(*ALONE[:3]) == ("mine",)
    assert list(study.measurements()) == [("pointing_game", *ALONE, "mine")]
    paths = Paths("out")
    scores = ScoreInputs(study, paths).all()
    for task in ("cue_localization", "wsol", "pointing_game"):
        assert f"out/scores/{task}/birds/without_model/own_maps/seed0/mine.json" in scores
    assert not any("classification" in score or "erase" in score for score in scores)
    assert ModelInputs(study, paths).weights(Names(*ALONE)) == []
    assert ModelInputs(study, paths).all() == []
    report = ReportInputs(study, paths)
    assert "accuracy" not in report.tables()
    assert {"wsol", "cue_localization"} <= set(report.tables())
    assert "birds/without_model/own_maps" in report.tables_section()
    assert {"test_images", "objects", "keypoints"} <= set(records_job(study, "birds").needs)


def test_they_stand_beside_models():
    study = load(changed(own_maps={"mine": {"path": "m.h5", "dataset": "birds"}}))
    assert [model[2] for model in study.measured()] == ["cam", "calm_em", "own_maps"]
    assert "mine" not in study.methods_of("birds", "small", "cam")
    names = Names("birds", "small", "cam", 0)
    (weights,) = ModelInputs(study, Paths("out")).weights(names)
    assert weights == "out/models/birds/small/cam/seed0/weights.safetensors"


@pytest.mark.parametrize(
    ("maps", "match"),
    [
        ({"path": "m.h5"}, "own_maps.mine: give `model`"),
        ({"path": "m.h5", "model": "a/b/c", "dataset": "birds"}, "own_maps.mine: give `model`"),
        ({"path": "m.h5", "dataset": "bird"}, "own_maps.mine.dataset: .* did you mean 'birds'"),
    ],
)
def test_maps_belong_to_one_thing_that_there_is(maps, match):
    with pytest.raises(UserError, match=match):
        load(maps_alone(own_maps={"mine": maps}))
