import json
import re

from workflow_config import study_of

from pipeline.artefacts.paths import Names
from pipeline.catalogue.methods import METHODS
from pipeline.study.inputs.maps import TOGETHER, MapInputs

JOINT = Names("birds", "pretrained", "calm_em", 3, split="test", method="joint")


def test_every_method_has_one_job_of_maps(study, paths):
    single = re.compile(MapInputs(study, paths).single_methods())
    shared = [name for names in TOGETHER.values() for name in names]
    assert {name for name in METHODS if not single.fullmatch(name)} == {*shared}
    assert len(shared) == len({*shared})
    assert {"cam", "joint", "counterfactual", "smoothgrad"} <= {*shared}
    assert single.fullmatch("gradient")


def test_methods_that_share_a_job_are_of_the_same_models_and_one_module():
    for names in TOGETHER.values():
        assert len({(METHODS[name].models, METHODS[name].code) for name in names}) == 1


def test_maps_are_whole_or_in_chunks(study, paths):
    maps = MapInputs(study, paths)
    assert maps.datasets(chunked=False) == "others|birds"
    assert not re.match(maps.datasets(chunked=True), "birds")
    chunked = MapInputs(study_of({"draw": {}, "map_chunks": 2}), paths)
    assert chunked.datasets(chunked=True) == "birds"
    folder = "out/maps/birds/pretrained/calm_em/seed3/test/chunks/joint"
    assert chunked.chunks(JOINT) == [f"{folder}/0.h5", f"{folder}/1.h5"]
    assert chunked.chunk(Names(dataset="birds", chunk="1")) == "1 2"


def test_options_are_those_that_a_method_uses(study, paths):
    maps = MapInputs(study, paths)
    assert maps.options("joint") == "{}"
    noisy = json.loads(maps.options("smoothgrad", "vargrad"))
    assert noisy.keys() == {"target", "noise", "gradient_maps"}
    assert json.loads(maps.options("vargrad_released")).keys() == {"noise"}
    assert json.loads(maps.entries("joint"))[0]["units"] == METHODS["joint"].units
