from types import SimpleNamespace

import pytest

from pipeline.artefacts.paths import Names, Paths, fill, names_in


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


@pytest.mark.parametrize("folder", ["results", "/data/models/of.me", "../x", ""])
def test_the_names_of_a_path_give_the_path_again(folder):
    names = {"dataset": "birds", "architecture": "small", "variant": "calm_em", "seed": "3"}
    for pattern, more in (
        (Paths("{results}").weights, {}),
        (Paths("{results}").maps, {"split": "val", "method": "joint"}),
        (Paths("{results}").data_check, {}),
    ):
        path = fill(pattern, **names, **more, results=folder)
        found = names_in(pattern, path)
        assert found.items() <= (names | more | {"results": folder}).items()
        assert fill(pattern, **found) == path


def test_a_path_of_another_pattern_has_no_names():
    metrics = Paths("out").metrics
    assert names_in(metrics, "out/models/birds/small/cam/seed0/metrics.json") is not None
    for path in (
        "in/models/birds/small/cam/seed0/metrics.json",
        "out/models/birds/cam/seed0/metrics.json",
        "out/models/birds/small/cam/seed0/metricsXjson",
    ):
        assert names_in(metrics, path) is None
    twice = "{dataset}/{dataset}.csv"
    assert names_in(twice, "a/a.csv") == {"dataset": "a"}
    assert names_in(twice, "a/b.csv") is None
