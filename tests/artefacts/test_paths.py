from types import SimpleNamespace

import pytest

from pipeline.artefacts.paths import Names, Paths, fill


def test_names_are_put_in_and_further_ones_win():
    maps = Paths("out").maps
    names = Names("birds", "small", "cam", 0, split="test", method="joint")
    assert fill(maps, names, split="val") == "out/maps/birds/small/cam/seed0/val/joint.h5"
    # the workflow's wildcards are any object with these attributes
    assert fill(Paths("out").records, SimpleNamespace(dataset="b", split="val")) == (
        "out/datasets/b/val.parquet"
    )


def test_a_name_that_is_missing_is_an_error():
    with pytest.raises(KeyError, match="split"):
        fill(Paths("out").records, Names(dataset="birds"))
