import pytest
from finished_study import JOB, cue_score, identity, score, wsol_score

from pipeline.settings import TablesJob
from pipeline.tables.__main__ import build
from pipeline.tables.accuracy import accuracy_table
from pipeline.tables.formats import best, to_markdown
from pipeline.tables.scores import read_groups
from pipeline.tables.wsol import wsol_table

CLASSES = [{"label": label, "images": 100 - 20 * label, "top1": 0.5} for label in range(3)]


def tables(folder, *, cam=0.9, calm=0.9, boxes=0.6):
    """Tables of two models with these accuracies (chance: 100 of 240), and their maps."""
    paths = []
    for variant, top1, method in (("cam", cam, "cam"), ("calm_em", calm, "joint")):
        who = identity(variant, "model")
        path, of = folder / f"{variant}.json", {"images": 240, "per_class": CLASSES}
        paths.append(score(path, "classification", who, {"top1": top1}, **of))
        who = identity(variant, method)
        paths.append(wsol_score(folder / f"{variant}.w.json", who, boxes, "class"))
        paths.append(cue_score(folder / f"{variant}.c.json", who, 0.3))
    gaussian = identity(None, "center_gaussian")
    paths.append(wsol_score(folder / "g.json", gaussian, 0.5, "prior"))
    paths.append(cue_score(folder / "c.json", identity(None, "chance"), 0.1))
    built = build(read_groups(paths), {}, TablesJob.model_validate(JOB))
    return {table.name: table for table in built}


def weak(table, column):
    """Model -> whether its number is weak, of the first block's measured rows."""
    rows = [row for row in table.blocks[0].rows if row.kind == "measured"]
    return {row.names[0]: row.cells[column].weak for row in rows}


def test_chance_stands_in_the_accuracy_table_as_the_share_of_the_largest_class(tmp_path):
    *_, chance = tables(tmp_path)["accuracy"].blocks[0].rows
    assert (chance.kind, chance.names) == ("baseline", ("chance",))
    assert chance.cells["top1"].value == pytest.approx(100 * 100 / 240)


def test_everything_of_a_model_at_chance_is_weak(tmp_path):
    found = tables(tmp_path, calm=0.43)  # 41 to 46: reaches 41.7
    assert weak(found["accuracy"], "top1") == {"cam": False, "calm_em": True}
    assert weak(found["cue_localization"], "weighted") == {"cam": False, "calm_em": True}
    assert weak(found["trunks"], "birds/net") == {"cam": False, "calm_em": True}
    assert best(found["accuracy"], found["accuracy"].blocks[0])["top1"] == pytest.approx(90)


def test_no_number_that_reaches_the_gaussian_is_bold(tmp_path):
    found = tables(tmp_path, boxes=0.51)  # 49 to 54; the Gaussian has 50
    assert weak(found["wsol"], "maxboxaccv2") == {"cam": True, "calm_em": True}
    assert "**" not in to_markdown(found["wsol"])
    assert "**" in to_markdown(found["cue_localization"])
    assert weak(tables(tmp_path / "good", boxes=0.53)["wsol"], "maxboxaccv2") == {
        "cam": False, "calm_em": False,
    }  # fmt: skip


def test_where_low_is_good_the_high_end_decides(tmp_path):
    paths = [
        score(tmp_path / f"{name}.json", "erase", identity("cam", name), {"auc.blur.most": value})
        for name, value in (("cam", 0.96), ("gradient", 0.98), ("joint", 1.3))
    ]
    (table,) = build(read_groups(paths), {}, TablesJob.model_validate(JOB))
    rows = table.blocks[0].rows[:3]
    assert [row.cells["erase.auc.blur.most"].weak for row in rows] == [False, True, True]


def test_a_data_set_with_masks_alone_has_its_pxap_and_difference(tmp_path):
    paths = [
        score(tmp_path / f"{n}.json", "wsol", identity("cam", n), {"class.pxap": v}, images=9)
        for n, v in (("cam", 0.4), ("gradient", 0.5))
    ]
    table = wsol_table(read_groups(paths), TablesJob.model_validate(JOB))
    assert list(table.columns) == ["pxap"]
    assert list(table.main) == ["pxap"]


def test_without_counts_of_classes_there_is_no_chance(tmp_path):
    who = identity("cam", "model")
    path = score(tmp_path / "a.json", "classification", who, {"top1": 0.7}, images=9)
    table = accuracy_table(read_groups([path]), TablesJob.model_validate(JOB))
    assert [row.kind for row in table.blocks[0].rows] == ["measured"]
