import pytest
from finished_study import tables_json

from pipeline.artefacts.table import Block, Cell, Row, Table, load
from pipeline.report.findings import finding, findings, overlap


def row(value, *, trained="cam", low=None, high=None, kind="measured", names=("a", "b")):
    cell = Cell(value=value, low=low, high=high)
    return Row(kind=kind, names=names, cells={"x": cell}, trained=trained)


def test_findings_are_computed_from_the_tables(tmp_path):
    sentences = findings(load(tables_json(tmp_path)))
    assert sentences[0] == (
        "On birds (net), against estimated cue masks, calm_ml · joint has the highest mPxAP "
        "averaged over pairs: 52.0 [50.0, 55.0]. The best of CAM is cam: 32.0 [30.0, 35.0]; their "
        "intervals do not overlap. For comparison: chance 12.0 [10.0, 15.0], always pointing at "
        "the head 22.0 [20.0, 25.0]."
    )
    assert sum("true cue masks" in sentence for sentence in sentences) == 2
    (accuracy,) = (sentence for sentence in sentences if "top-1" in sentence)
    assert "cam has the highest top-1 accuracy: 90.0 [88.0, 93.0]" in accuracy
    assert not any("published" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ((30, 25, 35), "their intervals overlap"),
        ((30, 29, 40), "their intervals overlap"),
        ((30, 29, 38.5), "their intervals overlap"),
        ((30, 29, 37.9), "their intervals do not overlap"),
        ((50, 42.1, 60), "their intervals do not overlap"),
        ((30, None, None), "there are no intervals to compare"),
    ],
)
def test_overlap_of_intervals(other, words):
    value, low, high = other
    first = row(40, low=30 if value == 30 and low == 25 else 38, high=42)
    second = row(value, low=low, high=high)
    assert overlap(first, second, "x") == overlap(second, first, "x") == words


def table_of(keys, rows, lower=()):
    """A table of one block, and the block."""
    block = Block(heading="", keys=keys, rows=rows)
    about = {"name": "t", "title": "", "names": {}, "columns": {"x": "X"}}
    return Table(**about, blocks=(block,), lower=lower), block


def test_where_low_is_good_the_lowest_is_named():
    rows = (row(40, names=("cam", "cam")), row(35, names=("cam", "gradient")))
    text = finding(*table_of({}, rows, lower=("x",)), "x", "score", "birds")
    assert text.startswith("On birds, cam · gradient has the lowest score: 35.0")


def test_a_finding_compares_the_best_of_cam_and_of_calm():
    rows = (
        row(40, names=("cam", "cam"), low=38, high=42),
        row(35, names=("calm_em", "joint"), trained="calm_em", low=33, high=39),
        row(20, names=("calm_ml", "joint"), trained="calm_ml", low=18, high=22),
        row(90, names=("baseline", "center_gaussian"), kind="baseline", trained=None),
    )
    keys = {"dataset": "birds", "architecture": "net"}
    text = finding(*table_of(keys, rows), "x", "score", "birds")
    assert text == (
        "On birds, cam has the highest score: 40.0 [38.0, 42.0]. The best of CALM is calm_em · "
        "joint: 35.0 [33.0, 39.0]; their intervals overlap. For comparison: a Gaussian in the "
        "centre 90.0."
    )
    tied = (*rows, row(40, names=("calm_em", "posterior"), trained="calm_em", low=38, high=42))
    text = finding(*table_of(keys, tied), "x", "score", "birds")
    assert text.startswith("On birds, cam and calm_em · posterior share the highest score: 40.0")
    assert "The best of CALM is calm_em · posterior: 40.0" in text
    thrice = (*tied, row(40, names=("adl", "cam"), trained="adl", low=38, high=42))
    text = finding(*table_of(keys, thrice), "x", "score", "birds")
    assert text.startswith("On birds, cam, calm_em · posterior and adl · cam share the highest")
    third = (*rows, row(50, names=("adl", "cam"), trained="adl", low=48, high=52))
    text = finding(*table_of(keys, third), "x", "score", "birds")
    assert text.startswith(
        "On birds, adl · cam has the highest score: 50.0 [48.0, 52.0]. The best of CAM is cam: "
        "40.0 [38.0, 42.0]. The best of CALM is calm_em · joint: 35.0 [33.0, 39.0]; their "
        "intervals overlap."
    )
    alone = finding(*table_of(keys, rows[:1]), "x", "score", "birds")
    assert alone == "On birds, cam has the highest score: 40.0 [38.0, 42.0]."
