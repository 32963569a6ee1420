import json
import re

from workflow_config import study_of

from pipeline.artefacts.paths import Names
from pipeline.catalogue.methods import METHODS
from pipeline.study.inputs.maps import NOISE, MapInputs

JOINT = Names("birds", "pretrained", "calm_em", 3, split="test", method="joint")


def test_every_method_has_one_job_of_maps(study, paths):
    single = re.compile(MapInputs(study, paths).single_methods())
    assert {name for name in METHODS if not single.fullmatch(name)} == set(NOISE)
    assert "smoothgrad" in NOISE
    assert "cam" not in NOISE


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
