"""Methods that are functions of the user's own, as a study knows them."""

import json

import jsonschema
import pytest
from small_config import changed

from pipeline.artefacts.paths import Names, Paths
from pipeline.command import reference
from pipeline.runtime.errors import UserError
from pipeline.study.inputs.maps import MapInputs
from pipeline.study.inputs.scores import ScoreInputs
from pipeline.study.loading import load

CAM, CALM = ("birds", "small", "cam"), ("birds", "small", "calm_em")


def with_methods(**methods):
    return changed(methods=methods)


def test_a_function_explains_every_model_or_those_of_the_lists_that_name_it():
    study = load(with_methods(mine="lab:f", theirs="lab:g", cam=["cam", "theirs"]))
    assert study.methods_of(*CAM) == ("cam", "theirs", "mine")
    assert study.methods_of(*CALM)[-1] == "mine"
    assert "theirs" not in study.methods_of(*CALM)
    assert {"mine", "theirs", "cam"} <= study.every_method()
    assert study.method_options("mine") == {"functions": {"mine": "lab:f"}}


def test_it_is_measured_in_every_evaluation_also_those_that_compute_further_maps():
    raw = with_methods(mine="lab:f")
    raw["evaluation"] = {"sanity": {}, "pointing_game": {}}
    study = load(raw)
    measured = {task for task, *_, method in study.measurements() if method == "mine"}
    assert measured == {"sanity", "pointing_game"}


def test_its_files_are_inputs_of_its_jobs_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.py").write_text("def f(query): ...\n")
    raw = with_methods(mine="lab:f")
    raw["evaluation"] = {"sanity": {}, "pointing_game": {}}
    study = load(raw)
    paths = Paths("out")
    maps, scores = MapInputs(study, paths), ScoreInputs(study, paths)
    mine, cam = (Names(*CAM, 0, split="test", method=name) for name in ("mine", "cam"))
    assert maps.function_files(mine) == ["lab.py"]
    assert maps.function_files(cam) == []
    assert maps.code(mine) == "pipeline.attribution.methods.own_function"
    assert json.loads(maps.options("mine")) == {"functions": {"mine": "lab:f"}}
    assert "mine" in maps.single_methods().split("|")
    assert "mine" in maps.computed_methods().split("|")
    sanity, pointing = (Names(*CAM, 0, task=t, method="mine") for t in ("sanity", "pointing_game"))
    assert scores.task_files(sanity) == ["lab.py"]
    assert "pipeline.attribution.methods.own_function" in scores.task_code(sanity)
    assert scores.task_files(pointing) == []


@pytest.mark.parametrize(
    ("methods", "match"),
    [
        ({"mine": "lab.py"}, r"methods\.mine: unknown key.* package\.module:function"),
        ({"camm": ["cam"]}, r"methods\.camm: unknown key; did you mean 'cam'\?"),
        ({"gradient": "lab:f"}, r"methods\.gradient: .*built-in method"),
        ({"a b": "lab:f"}, r"methods\.a b: a name has letters"),
        ({"cam": ["cam", "mini"], "mine": "lab:f"}, "no method 'mini'; valid: .*mine"),
    ],
)
def test_what_is_wrong_with_a_function_is_said_at_once(methods, match):
    with pytest.raises(UserError, match=match):
        load(with_methods(**methods))


def test_own_maps_have_another_name():
    raw = with_methods(mine="lab:f")
    raw["own_maps"] = {"mine": {"path": "m.h5", "model": "birds/small/cam"}}
    with pytest.raises(UserError, match=r"own_maps\.mine: a method of your own has that name"):
        load(raw)


def test_null_drops_an_inherited_function_and_the_schema_knows_functions(tmp_path):
    (tmp_path / "base.yaml").write_text(json.dumps(with_methods(mine="lab:f")))
    over = {"extends": str(tmp_path / "base.yaml"), "methods": {"mine": None}}
    assert load(over).methods.functions == {}
    schema = json.loads(reference.SCHEMA.read_text())
    jsonschema.validate(over, schema)
    jsonschema.validate(with_methods(mine="lab:f"), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(with_methods(mine=["cam"]), schema)
