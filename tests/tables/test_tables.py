import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished_study import JOB, all_scores, cue_score, identity, score, tables_json, wsol_score
from scipy import stats

from pipeline.artefacts.files import write_json
from pipeline.artefacts.scores import read_score
from pipeline.artefacts.table import Cell, load
from pipeline.catalogue.tables import tables_of
from pipeline.runtime.errors import UserError
from pipeline.settings import TablesJob
from pipeline.tables import published
from pipeline.tables.__main__ import run
from pipeline.tables.accuracy import accuracy_table
from pipeline.tables.cues import cue_table
from pipeline.tables.formats import escape, text, to_csv, to_latex, to_markdown
from pipeline.tables.pooling import pooled
from pipeline.tables.scores import read_groups
from pipeline.tables.wsol import wsol_table

RESNET = {"birds/resnet50/cam": {"trunk": "resnet50", "method": "cam"}}
CUB = JOB | {"models": RESNET}


def job(content=JOB):
    return TablesJob.model_validate(content)


def cues(paths, content=JOB, checks=None):
    return cue_table(read_groups(paths), checks or {}, job(content))


def parsed(table):
    """Rows of the CSV as dicts of text."""
    return list(csv.DictReader(io.StringIO(to_csv(table))))


def students_half(values):
    """Half of the t interval of the mean of some values."""
    return stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)


def test_a_cell_is_the_mean_over_the_seeds_with_an_interval_that_the_seeds_make_longer():
    scores = [
        {"values": {"x": 0.1}, "intervals": {"x": [0.05, 0.2]}},
        {"values": {"x": 0.3}, "intervals": {"x": [0.15, 0.4]}},
    ]
    cell = pooled(scores, "x")
    half = students_half([10, 30])
    assert cell.value == pytest.approx(20)  # on average 10 above the low ends and 10 below the high
    assert (cell.low, cell.high) == pytest.approx(
        (20 - np.hypot(10, half), 20 + np.hypot(10, half))
    )
    assert cell.sd == pytest.approx(np.sqrt(200))  # of 10 and 30, with n - 1
    assert pooled(scores[:1], "x").sd is None
    assert pooled(scores, "y") is None


def test_the_interval_of_a_fraction_over_seeds_stays_a_fraction():
    content = {"task": "classification", "intervals": {"x": [0.1, 0.95]}}
    scores = [content | {"values": {"x": value}} for value in (0.2, 0.9)]
    cell = pooled(scores, "x")  # two seeds say little: t has one degree of freedom
    assert (cell.low, cell.high) == (0, 100)
    assert pooled([each | {"task": "infidelity"} for each in scores], "x").high > 100


def test_a_cell_has_no_interval_if_a_seed_has_none():
    scores = [
        {"values": {"x": 0.1}, "intervals": {"x": [0.05, 0.2]}},
        {"values": {"x": 0.3}, "intervals": {}},
    ]
    assert pooled(scores, "x") == Cell(value=20.0, sd=pooled(scores, "x").sd)


def test_text_has_one_decimal_interval_and_spread():
    assert text(Cell(value=32.149, low=30, high=34.25)) == "32.1 [30.0, 34.2]"
    assert text(Cell(value=32.1, sd=0.44)) == "32.1 ± 0.4"
    assert text(None) == "–"


def test_csv_holds_every_measured_number_in_full_precision(tmp_path):
    who = identity("cam", "cam")
    path = cue_score(tmp_path / "a.json", who, 1 / 7)
    values = json.loads(path.read_text())["values"]
    rows = [row for row in parsed(cues([path])) if row["kind"] == "measured"]
    assert len(rows) == 4  # two kinds of masks, two normalisations
    for row in rows:
        prefix = {"estimated": "", "true": "true_"}[row["masks"]]
        for column in ("parts_1", "parts_2", "parts_3", "weighted", "unweighted"):
            name = f"{prefix}mpxap_{column.removeprefix('parts_')}_{row['normalisation']}"
            assert float(row[column]) == pytest.approx(100 * values[name], abs=1e-12)
            assert float(row[column + "_low"]) == pytest.approx(100 * values[name] - 2)
            assert float(row[column + "_high"]) == pytest.approx(100 * values[name] + 3)


def test_relevance_stands_with_differences_as_they_are(tmp_path):
    path = cue_score(tmp_path / "a.json", identity("cam", "cam"), 0.3, true=False)
    score = read_score(path)
    score["values"] |= {"mass_weighted": 0.25, "rank_weighted": 0.5}
    write_json(path, score)
    table = cues([path])
    assert list(table.columns)[-2:] == ["mass", "rank"]
    raw, stretched = (row for row in parsed(table) if row["kind"] == "measured")
    assert (float(raw["mass"]), float(raw["rank"])) == (25, 50)
    assert stretched["mass"] == stretched["rank"] == ""


def test_seeds_are_pooled_and_named(tmp_path):
    paths = [
        cue_score(tmp_path / f"{s}.json", identity("cam", "cam", seed=s), b)
        for s, b in ((7, 0.3), (3, 0.5))
    ]
    row = parsed(cues(paths))[0]
    assert row["seeds"] == "3;7"
    assert float(row["weighted"]) == pytest.approx(42)
    assert float(row["weighted_sd"]) == pytest.approx(np.std([32, 52], ddof=1))


def test_true_masks_have_a_block_only_where_they_are_known(tmp_path):
    path = cue_score(tmp_path / "a.json", identity("cam", "cam"), 0.3, true=False)
    assert {row["masks"] for row in parsed(cues([path]))} == {"estimated"}


def test_published_numbers_of_another_setting_do_not_appear(tmp_path):
    tables = load(tables_json(tmp_path)).tables
    assert not [
        row for table in tables for block in table.blocks for row in block.rows
        if row.kind == "published"
    ]  # fmt: skip
    keys = [block.keys for table in tables for block in table.blocks]
    assert {each["dataset"] for each in keys if "dataset" in each} == {"birds"}


@pytest.mark.parametrize(
    ("pairs", "trunk", "beside"),
    [
        ({"1": 31, "2": 64, "3": 96}, "resnet50", True),
        ({"1": 31, "2": 64, "3": 95}, "resnet50", False),
        ({"1": 31, "2": 64, "3": 96}, "squeezenet1_0", False),
    ],
)
def test_published_cue_scores_stand_beside_ours_for_all_pairs_and_resnet50(
    tmp_path, pairs, trunk, beside
):
    who = identity("cam", "cam", architecture="resnet50")
    path = cue_score(tmp_path / "a.json", who, 0.3, pairs=pairs)
    models = {name: note | {"trunk": trunk} for name, note in RESNET.items()}
    first, *others = cues([path], CUB | {"models": models}).blocks
    assert ("published" in {row.kind for row in first.rows}) == beside
    # never with the true masks, which the paper does not know
    of_true = [row for b in others if b.keys["masks"] == "true" for row in b.rows]
    assert of_true
    assert all(row.kind != "published" for row in of_true)


def test_published_numbers_are_those_of_the_paper():
    by_name = {row.names[0]: row.cells for row in published.cue_rows()}
    columns = ("parts_1", "parts_2", "parts_3", "weighted")
    assert [by_name["calm_em (published)"][c].value for c in columns] == [30.4, 33.3, 36.3, 34.3]
    accuracy = {row.names[0]: row.cells["top1"].value for row in published.accuracy_rows("cub")}
    assert accuracy["calm_ml (published)"] == 59.6
    assert published.accuracy_rows("imagenet")[0].cells["top1"].value == 74.5
    assert published.accuracy_rows("cub", "vgg16") == []
    # The mean of Table 1 is weighted by the numbers of pairs (31, 64, 96).
    for cells in by_name.values():
        mean = np.average([cells[c].value for c in columns[:3]], weights=[31, 64, 96])
        assert cells["weighted"].value == pytest.approx(mean, abs=0.11)


def test_published_localisation_of_resnet50_and_of_the_mean_agree():
    table5 = pd.read_csv(published.DATA / "table5.csv")
    mean = table5[[f"cub_{t}" for t in ("vgg16", "inception_v3", "resnet50")]].mean(axis=1)
    mean.index = table5["method"] + table5["superset"]
    table3 = pd.read_csv(published.DATA / "table3.csv")
    for row in table3.itertuples():
        if row.method + row.superset in mean.index:
            assert row.cub == pytest.approx(mean[row.method + row.superset], abs=0.11)
    of_resnet = {row.names: row.cells["maxboxaccv2"].value for row in
                 published.wsol_rows("cub", "resnet50")}  # fmt: skip
    assert of_resnet["calm_em (published)", "", "superset"] == 71.0


def test_accuracy_and_localisation_stand_beside_published_ones_on_all_of_cub(tmp_path):
    who = identity("cam", "model", architecture="resnet50")
    top1 = score(tmp_path / "a.json", "classification", who, {"top1": 0.7}, images=5794)
    table = accuracy_table(read_groups([top1]), job(CUB))
    assert [row.kind for row in table.blocks[0].rows] == ["measured", *["published"] * 3]
    who = identity("cam", "cam", architecture="resnet50")
    boxes = wsol_score(tmp_path / "b.json", who, 0.6, "class", images=5794)
    table = wsol_table(read_groups([boxes]), job(CUB))
    assert len(table.blocks) == 1
    assert {row.kind for row in table.blocks[0].rows} == {"measured", "published"}


def test_localisation_has_a_row_for_each_target_and_the_baseline(tmp_path):
    values = {
        f"{target}.maxboxacc{name}": base
        for target, base in (("class", 0.4), ("superset", 0.6))
        for name in ("v2", "_30", "_50", "_70")
    }
    paths = [
        score(tmp_path / "a.json", "wsol", identity("cam", "cam"), values, images=40),
        wsol_score(tmp_path / "b.json", identity(None, "center_gaussian"), 0.5, "prior", images=40),
    ]
    rows = parsed(wsol_table(read_groups(paths), job()))
    measured = {(r["variant"], r["target"]): float(r["maxboxaccv2"]) for r in rows[:2]}
    assert measured == {("cam", "class"): 40, ("cam", "superset"): 60}
    assert rows[2]["kind"] == "baseline"
    assert rows[2]["method"] == "center_gaussian"
    assert float(rows[2]["maxboxacc_30"]) == pytest.approx(70)


def test_notes_count_pairs_and_combinations_and_give_the_iou(tmp_path):
    path = cue_score(tmp_path / "a.json", identity("cam", "cam"), 0.3)
    check = {"iou": {"1": {"mean": 0.62, "image_pairs": 9}}}
    notes = " ".join(cues([path], checks={"birds": check}).notes)
    for expected in ("3 with 1", "40 measured, 2 skipped", "segmentation (16)", "0.620 (1)"):
        assert expected in notes
    assert "Protocol corrected: thresholds exact; pooling pair" in notes


def test_every_markdown_row_has_as_many_columns_and_one_best_a_column(tmp_path):
    table = cues([p for p in all_scores(tmp_path) if p.parent.name == "cue_localization"])
    lines = [line for line in to_markdown(table).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {8}
    assert all(line.count("**") in (0, 10) for line in lines)
    assert sum("**" in line for line in lines) == 4  # calm_ml in each of four blocks
    assert all("calm_ml" in line for line in lines if "**" in line)


def test_every_latex_row_has_as_many_columns_and_is_escaped(tmp_path):
    table = cues([p for p in all_scores(tmp_path) if p.parent.name == "cue_localization"])
    latex = to_latex(table)
    rows = [line for line in latex.splitlines() if "&" in line]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {6}
    assert all(row.endswith(r"\\") for row in rows)
    body = "\n".join(line for line in latex.splitlines() if not line.startswith("%"))
    assert not re.search(r"(?<!\\)[_%#]", body)
    assert body.isascii()
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 1
    assert escape(r"a_b\c") == r"a\_b\textbackslash{}c"


def test_the_stage_writes_equal_bytes_and_tables_that_can_be_read_again(tmp_path):
    first, second = tables_json(tmp_path), tables_json(tmp_path / "again")
    for path in first.parent.iterdir():
        if path != first:  # which names the score files
            assert path.read_bytes() == (second.parent / path.name).read_bytes()
    assert {path.name for path in first.parent.iterdir()} == {"tables.json"} | {
        f"{name}.{suffix}"
        for name in tables_of({"cue_localization", "classification", "wsol"})
        for suffix in ("csv", "md", "tex")
    }
    table = load(first).get("cue_localization")
    assert to_csv(table) == (first.parent / "cue_localization.csv").read_text()
    assert to_markdown(table) == (first.parent / "cue_localization.md").read_text()


def test_every_measured_row_names_its_score_config_and_inputs(tmp_path):
    for table in load(tables_json(tmp_path)).tables:
        for row in (row for block in table.blocks for row in block.rows):
            assert bool(row.sources) == (row.kind != "published")
            for source in row.sources:
                stored = json.loads(Path(source.score).read_text())
                assert source.config_digest == stored["provenance"]["section"]
                assert source.inputs_sha256 == stored["provenance"]["inputs"]


def test_a_study_without_cue_scores_has_the_other_tables(tmp_path):
    who = identity("cam")
    path = score(tmp_path / "a.json", "classification", who, {"top1": 0.7}, images=9)
    run(["--section", json.dumps(JOB), "--scores", str(path), "--out", str(tmp_path / "out")])
    assert "70.0" in (tmp_path / "out" / "accuracy.md").read_text()
    assert [table.name for table in load(tmp_path / "out" / "tables.json").tables] == ["accuracy"]


def test_scores_that_do_not_belong_are_refused(tmp_path):
    one = cue_score(tmp_path / "a.json", identity("cam", "cam"), 0.3)
    two = cue_score(tmp_path / "b.json", identity("cam", "cam"), 0.4)
    with pytest.raises(UserError, match=r"b\.json and .*a\.json measure the same"):
        read_groups([one, two])
    other = cue_score(tmp_path / "c.json", identity("inca", "cam"), 0.4)
    with pytest.raises(UserError, match="birds/net/inca"):
        cues([other])
    with pytest.raises(UserError, match="missing"):
        read_groups([tmp_path / "none.json"])


def test_a_file_that_holds_no_tables_is_refused(tmp_path):
    for content in ({}, {"tables": [{"name": "x", "columns": 3}]}, {"tables": 1}, {"tables": [{}]}):
        write_json(tmp_path / "tables.json", content)
        with pytest.raises(UserError, match="holds no tables"):
            load(tmp_path / "tables.json")
