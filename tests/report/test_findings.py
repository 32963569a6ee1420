import pytest
from finished_study import JOB, identity, score, tables_json

from pipeline.artefacts.table import Block, Cell, MainNumber, Row, Table, Tables, load
from pipeline.catalogue.evaluations import EVALUATIONS, Column, Evaluation
from pipeline.catalogue.training_methods import TRAINING_METHODS, TrainingMethod
from pipeline.report.findings import finding, findings, overlap
from pipeline.report.headline import headline
from pipeline.settings import TablesJob
from pipeline.tables.__main__ import build
from pipeline.tables.scores import read_groups


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
    return table_with((block,), lower), block


def table_with(blocks, lower=()):
    """A table whose main number is x."""
    main = {"x": MainNumber(heading="X", words="score")}
    about = {"name": "t", "title": "", "names": {}, "columns": {"x": "X"}}
    return Table(**about, blocks=blocks, main=main, lower=lower)


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


def test_a_new_method_of_calms_family_is_compared_as_calm(monkeypatch):
    monkeypatch.setitem(TRAINING_METHODS, "latent", TrainingMethod("heads", "CalmHead", "calm"))
    rows = (row(40, names=("cam", "cam")), row(45, names=("mine", "joint"), trained="latent"))
    text = finding(*table_of({}, rows), "x", "score", "birds")
    assert "mine · joint has the highest score: 45.0. The best of CAM is cam: 40.0" in text
    # has is trained as CAM is, and is not CAM
    rows = (row(40, names=("has", "cam"), trained="has"), rows[1])
    assert "The best of" not in finding(*table_of({}, rows), "x", "score", "birds")


def test_blocks_from_one_place_are_named_in_full_once():
    keys = {"dataset": "birds", "architecture": "net"}
    blocks = [
        Block(heading="", keys=keys | more, rows=(row(40), row(30, names=("c", "d"))))
        for more in ({"way": "one"}, {"way": "two"}, {"way": "one", "masks": "true"})
    ]
    blocks.append(
        Block(heading="", keys=keys | {"dataset": "mice"}, rows=(row(1, kind="published"),))
    )
    found = findings(Tables(tables=(table_with(tuple(blocks), lower=("x",)),)))
    assert found == [
        "On birds (net), c · d has the lowest score: 30.0.",
        "On birds (net), with the way two, the lowest is 30.0 (c · d).",
        "On birds (net), against true cue masks, c · d has the lowest score: 30.0.",
    ]


def test_a_renamed_value_keeps_its_finding_and_its_place_in_the_headline(tmp_path, monkeypatch):
    column = Column("share", "Share", "lower", percent=False, words="share of the map")
    monkeypatch.setitem(EVALUATIONS, "sanity", Evaluation("sanity.sanity", (column,)))
    paths = [
        score(tmp_path / f"{name}.json", "sanity", identity("cam", name), {"share": value})
        for name, value in (("cam", 0.5), ("gradient", 0.25))
    ]
    tables = Tables(tables=tuple(build(read_groups(paths), {}, TablesJob.model_validate(JOB))))
    (sentence,) = findings(tables)
    assert sentence.startswith(
        "On birds (net), cam · gradient has the lowest share of the map: 0.25"
    )
    table = headline(tables)
    assert list(table.columns.values()) == ["Share ↓"]
    assert table.plain == tuple(table.columns)


def test_every_table_of_results_has_a_main_number_that_the_report_shows(tmp_path):
    """Scores with every value of the catalogue: no table may lose its finding."""
    tables = load(tables_json(tmp_path)).tables
    more = [
        score(
            tmp_path / f"{name}.json", name, identity("cam", "cam"),
            {column.value: 0.5 for column in entry.columns},
        )
        for name, entry in EVALUATIONS.items()
    ]  # fmt: skip
    tables += tuple(build(read_groups(more), {}, TablesJob.model_validate(JOB)))
    without = {table.name for table in tables if not table.main}
    # what these show is said by others, or is not a ranking of maps
    assert without == {"trunks", "axioms", "rankings"}
    words = [main.words for table in tables for main in table.main.values()]
    found = findings(Tables(tables=tables))
    assert all(any(each in sentence for sentence in found) for each in words)
    headings = headline(Tables(tables=tables)).columns.values()
    assert len(headings) == len(words)


def test_a_main_number_without_a_column_is_refused():
    main = {"y": MainNumber(heading="Y", words="score")}
    with pytest.raises(ValueError, match=r"table t has no columns \['y'\]"):
        Table(name="t", title="", names={}, columns={"x": "X"}, blocks=(), main=main)
