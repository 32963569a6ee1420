import numpy as np
import pytest
from finished_study import JOB, cue_score, identity, score, wsol_score

from pipeline.artefacts.scores import per_image_path, write_arrays
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
        who = identity(variant)
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
    assert weak(found["trunks"], "birds/net") == {"cam": True, "calm_em": True}
    assert "**" not in to_markdown(found["trunks"])
    assert "**" in to_markdown(found["cue_localization"])
    assert weak(tables(tmp_path / "good", boxes=0.53)["wsol"], "maxboxaccv2") == {
        "cam": False, "calm_em": False,
    }  # fmt: skip


def over_trunks(folder, values, baselines=0.5):
    """The table of trunks of CAM's map: (data set, architecture) -> its number."""
    models = {
        f"{dataset}/{architecture}/cam": {"trunk": "resnet_small", "method": "cam"}
        for dataset, architecture in values
    }
    paths = []
    for (dataset, architecture), value in values.items():
        who = identity("cam", "cam", dataset=dataset, architecture=architecture)
        path = folder / f"{dataset}.{architecture}.json"
        paths.append(score(path, "wsol", who, {"class.maxboxaccv2": value}, images=9))
    for dataset in dict.fromkeys(dataset for dataset, _ in values):
        who = identity(None, "center_gaussian", dataset=dataset)
        values = {"prior.maxboxaccv2": baselines}
        paths.append(score(folder / f"{dataset}.json", "wsol", who, values, images=9))
    built = build(read_groups(paths), {}, TablesJob.model_validate(JOB | {"models": models}))
    (table,) = (table for table in built if table.name == "trunks")
    return {column: cell.weak for column, cell in table.blocks[0].rows[0].cells.items()}


def test_a_mean_of_a_weak_number_is_weak(tmp_path):
    places = {("birds", "net"): 0.9, ("birds", "deep"): 0.51, ("mice", "net"): 0.9}
    assert over_trunks(tmp_path, places | {("mice", "deep"): 0.8}) == {
        "birds/net": False, "birds/deep": True, "birds/mean": True,
        "mice/net": False, "mice/deep": False, "mice/mean": False, "total": True,
    }  # fmt: skip
    strong = over_trunks(tmp_path / "strong", places | {("birds", "deep"): 0.8})
    assert not any(strong.values())


def test_methods_that_look_at_no_image_are_baselines_of_their_model(tmp_path):
    numbers = {
        ("cam", "cam"): 0.3, ("cam", "edges"): 0.5, ("cam", "center_gaussian"): 0.29,
        ("cam", "gradient"): 0.4, ("calm_em", "joint"): 0.3,
    }  # fmt: skip
    paths = [
        wsol_score(tmp_path / f"{v}.{m}.json", identity(v, m), value, "class")
        for (v, m), value in numbers.items()
    ]
    built = build(read_groups(paths), {}, TablesJob.model_validate(JOB))
    for table, column in (("wsol", "maxboxaccv2"), ("trunks", "birds/net")):
        (found,) = (each for each in built if each.name == table)
        rows = {row.names[:2]: row.cells[column].weak for row in found.blocks[0].rows}
        # 28 to 33 reaches 29; edges look at the image
        assert rows == {
            ("cam", "cam"): True, ("cam", "edges"): False, ("cam", "center_gaussian"): True,
            ("cam", "gradient"): False, ("calm_em", "joint"): False,
        }  # fmt: skip


def test_a_difference_is_not_compared_with_that_of_a_baseline(tmp_path):
    paths = []
    for method, value in (("cam", 0.6), ("gradient", 0.4), ("uniform", 0.5)):
        path = tmp_path / f"{method}.json"
        drawn = value + np.array([-0.01, 0.0, 0.01])
        write_arrays(
            per_image_path(path),
            {"image_id": np.array(["a", "b"]), "replicates.class.maxboxaccv2": drawn},
        )
        values = {"class.maxboxaccv2": value}
        paths.append(score(path, "wsol", identity("cam", method), values, images=2))
    table = build(read_groups(paths), {}, TablesJob.model_validate(JOB))[0]
    _, gradient, _ = table.blocks[0].rows
    assert gradient.cells["maxboxaccv2"].weak
    assert gradient.cells["delta"].value == pytest.approx(-20)
    assert not gradient.cells["delta"].weak


def test_where_low_is_good_the_high_end_decides(tmp_path):
    paths = [
        score(tmp_path / f"{name}.json", "erase", identity("cam", name), {"auc.blur.most": value})
        for name, value in (("cam", 0.96), ("gradient", 0.98), ("joint", 1.3))
    ]
    (table,) = build(read_groups(paths), {}, TablesJob.model_validate(JOB))
    rows = table.blocks[0].rows[:3]
    assert [row.cells["erase.auc.blur.most"].weak for row in rows] == [False, True, True]


def test_a_data_set_with_masks_alone_has_its_pxap_and_difference(tmp_path):
    paths = []
    for method, value in (("cam", 0.4), ("gradient", 0.5)):
        path = tmp_path / f"{method}.json"
        drawn = value + np.array([-0.1, 0.0, 0.1]) * value
        arrays = {"image_id": np.array(["a", "b"]), "replicates.class.pxap": drawn}
        write_arrays(per_image_path(path), arrays)
        who = identity("cam", method)
        paths.append(score(path, "wsol", who, {"class.pxap": value}, images=2))
    table = wsol_table(read_groups(paths), TablesJob.model_validate(JOB))
    assert list(table.columns) == ["pxap", "delta.pxap"]
    assert list(table.main) == ["pxap"]
    cam, gradient = table.blocks[0].rows
    assert "delta.pxap" not in cam.cells
    cell = gradient.cells["delta.pxap"]  # of the replicates 9, 10 and 11
    assert (cell.value, cell.low, cell.high) == pytest.approx((10, 9.05, 10.95))


def test_without_counts_of_classes_there_is_no_chance(tmp_path):
    who = identity("cam")
    path = score(tmp_path / "a.json", "classification", who, {"top1": 0.7}, images=9)
    table = accuracy_table(read_groups([path]), TablesJob.model_validate(JOB))
    assert [row.kind for row in table.blocks[0].rows] == ["measured"]
