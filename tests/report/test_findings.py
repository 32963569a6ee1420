import pytest
from finished_study import JOB, identity, score, tables_json
from small_tables import KEYS, PLACE, compared, paired_table, row, table_of, table_with

from pipeline.artefacts.table import Block, MainNumber, Table, Tables, load
from pipeline.catalogue.evaluation_entries import Column, Evaluation
from pipeline.catalogue.evaluations import EVALUATIONS
from pipeline.report.findings import finding, findings, leads
from pipeline.report.headline import headline
from pipeline.settings import TablesJob
from pipeline.tables.__main__ import build
from pipeline.tables.scores import read_groups


def test_findings_are_computed_from_the_tables(tmp_path):
    sentences = findings(load(tables_json(tmp_path)))
    assert sentences[0] == (
        "On birds (net), against estimated cue masks, calm_ml · joint has the highest mPxAP "
        "averaged over pairs: 52.0 % [50.0, 55.0]. For comparison: chance 12.0 % [10.0, 15.0], "
        "always pointing at the head 22.0 % [20.0, 25.0]."
    )
    assert sum("true cue masks" in sentence for sentence in sentences) == 2
    (accuracy,) = (sentence for sentence in sentences if "top-1" in sentence)
    assert "cam has the highest top-1 accuracy: 90.0 % [88.0, 93.0]" in accuracy
    assert not any("published" in sentence for sentence in sentences)


def test_where_low_is_good_the_lowest_is_named():
    rows = (row(40, names=("cam", "cam")), row(35, names=("cam", "gradient")))
    text = finding(*table_of({}, rows, lower=("x",)), "x", "birds", {})
    assert text.startswith("On birds, cam · gradient has the lowest score: 35.0 %")


def test_models_are_compared_by_paired_differences_not_by_whether_intervals_overlap():
    # the intervals 84 to 88 and 79 to 83 do not overlap, those of 86 and 87 do
    rows = (
        compared(86, "cam", None),
        compared(70, "cam", (-16, -20, -12), names=("cam", "gradient")),  # not CAM's best map
        compared(81, "calm_em", (-5, -9.3, -1)),
        compared(80, "calm_em", (-6, -9, -3), names=("calm_em", "worse")),
        compared(87, "calm_ml", (1, 0.2, 1.8)),
        compared(86.5, "adl", (0.5, -0.5, 1.5)),
        compared(50, "has", (-36, None, None)),
    )
    text = finding(*paired_table(rows), "x", "birds", {})
    assert text == (
        "On birds, calm_ml · map has the highest score: 87.0 % [85.0, 89.0]. Difference from CAM "
        "on the same images, each model's best map: calm_ml · map +1.0 points [0.2, 1.8] (better), "
        "adl · map +0.5 points [-0.5, 1.5] (no clear difference), calm_em · map -5.0 points "
        "[-9.3, -1.0] (worse), has · map -36.0 points (no interval)."
    )
    lower = finding(*paired_table((rows[0], rows[2]), lower=("x",)), "x", "birds", {})
    assert "calm_em · map -5.0 points [-9.3, -1.0] (better)" in lower
    assert "Difference" not in finding(*paired_table(rows[:1]), "x", "birds", {})


def test_what_is_weak_is_never_called_the_highest():
    none = [weak(compared(59, "cam", None)), weak(compared(58, "calm_em", None))]
    gaussian = row(60, names=("baseline", "center_gaussian"), kind="baseline", trained=None)
    text = finding(*paired_table((*none, gaussian)), "x", "birds", {})
    assert text.startswith(
        "On birds, no map is clearly better in score than a Gaussian in the centre (60.0 %)."
    )
    assert "highest" not in text
    text = finding(*paired_table((*none, compared(40, "other", None), gaussian)), "x", "birds", {})
    assert "other · map has the highest score: 40.0 %" in text


def weak(row):
    return row.model_copy(update={"cells": {"x": row.cells["x"].model_copy(update={"weak": True})}})


def test_a_weak_map_with_the_same_value_does_not_share_it():
    rows = (weak(row(40, names=("cam", "map"))), row(40, names=("calm_em", "map")))
    text = finding(*table_of({}, rows), "x", "birds", {})
    assert text == "On birds, calm_em · map has the highest score: 40.0 %."


def test_maps_with_one_value_share_it():
    rows = [row(40, names=(name, "map")) for name in ("cam", "calm_em", "adl")]
    text = finding(*table_of({}, rows[:2]), "x", "birds", {})
    assert text == "On birds, cam · map and calm_em · map share the highest score: 40.0 %."
    text = finding(*table_of({}, rows), "x", "birds", {})
    assert text.startswith("On birds, cam · map, calm_em · map and adl · map share the highest")


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
        "On birds (net), c · d has the lowest score: 30.0 %.",
        "On birds (net), with the way two, the lowest is 30.0 % (c · d).",
        "On birds (net), against true cue masks, c · d has the lowest score: 30.0 %.",
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
    assert "%" not in sentence  # no percentage
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
    assert all(main.meaning for table in tables for main in table.main.values())


def test_a_main_number_without_a_column_is_refused():
    main = {"y": MainNumber(heading="Y", words="score")}
    with pytest.raises(ValueError, match=r"table t has no columns \['y'\]"):
        Table(name="t", title="", names={}, columns={"x": "X"}, blocks=(), main=main)


def test_the_leading_sentences_say_what_came_out_of_each_main_number(tmp_path):
    assert leads(load(tables_json(tmp_path))) == {
        PLACE: [
            "mPxAP averaged over pairs: calm_ml · joint is highest with 52.0 % [50.0, 55.0]; "
            "chance 12.0 %.",
            "Top-1 accuracy: cam is highest with 90.0 % [88.0, 93.0].",
            "MaxBoxAccV2: calm_ml · joint is highest with 50.0 % [48.0, 53.0]; "
            "a Gaussian in the centre 35.0 %.",
        ]
    }
    rows = (compared(86, "cam", None), compared(91, "calm_em", (5, 1, 9)))
    table, _ = paired_table(rows)
    assert leads(Tables(tables=(table,)))[PLACE] == [
        "Score: calm_em · map is highest with 91.0 % [89.0, 93.0]; against CAM +5.0 points "
        "[1.0, 9.0] (better)."
    ]
    table, _ = paired_table(
        (*rows[:1], compared(91, "cam", None), compared(80, "adl", (-6, -9, -3)))
    )
    assert leads(Tables(tables=(table,)))[PLACE] == [
        "Score: cam · map is highest with 91.0 % [89.0, 93.0]; next is adl · map, against CAM "
        "-6.0 points [-9.0, -3.0] (worse)."
    ]


def test_numbers_that_are_no_percentage_have_no_unit():
    table, block = paired_table((compared(3, "cam", None), compared(2, "adl", (-1, -2, -0.5))))
    table = table.model_copy(update={"plain": ("x", "d")})
    (lead,) = leads(Tables(tables=(table,)))[PLACE]
    text = finding(table, block, "x", "birds", {})
    for sentence in (lead, text):
        assert "3 [1, 5]" in sentence
        assert "-1 [-2, -0.5] (worse)" in sentence
        assert "%" not in sentence
        assert "points" not in sentence


def test_every_place_has_its_leading_sentences_of_its_first_block():
    keys = [KEYS, KEYS | {"way": "two"}, {"dataset": "mice", "architecture": "net"}]
    blocks = (
        Block(heading="", keys=of, rows=(row(40 + n), row(30, names=("c", "d"))))
        for n, of in enumerate(keys)
    )
    assert leads(Tables(tables=(table_with(tuple(blocks)),))) == {
        PLACE: ["Score: a · b is highest with 40.0 %."],
        ("mice", "net"): ["Score: a · b is highest with 42.0 %."],
    }


def test_the_only_row_of_a_block_is_not_called_the_highest():
    table, block = table_of(KEYS, (row(40),))
    assert leads(Tables(tables=(table,))) == {PLACE: ["Score: a · b has 40.0 %."]}
    assert finding(table, block, "x", "birds", {}) == "On birds, a · b has 40.0 % in score."
    second = block.model_copy(update={"keys": KEYS | {"way": "two"}})
    *_, text = findings(Tables(tables=(table_with((block, second)),)))
    assert text == "On birds (net), with the way two, a · b has 40.0 %."


def test_a_baseline_that_is_better_than_every_map_is_named_with_the_best():
    head = row(45, names=("baseline", "always_head"), kind="baseline", trained=None)
    maps = (row(40), row(30, names=("c", "d")))
    (lead,) = leads(Tables(tables=(table_of(KEYS, (*maps, head))[0],)))[PLACE]
    assert lead == "Score: a · b is highest with 40.0 %; always pointing at the head 45.0 %."
    (lead,) = leads(Tables(tables=(table_of(KEYS, (row(50), *maps, head))[0],)))[PLACE]
    assert "head" not in lead


def test_a_target_is_named_where_a_map_was_measured_with_several():
    kinds = ("class", "superset")
    several = tuple(row(40, names=("cam", "map", target)) for target in kinds)
    table, _ = table_of({}, (*several, row(40, names=("adl", "map", "class"))))
    text = finding(table, table.blocks[0], "x", "birds", {})
    assert text.startswith(
        "On birds, cam · map · class, cam · map · superset and adl · map share the highest score"
    )
