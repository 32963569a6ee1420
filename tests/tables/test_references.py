"""Models from elsewhere are compared with their own maps, and with each other."""

import numpy as np
import pytest
from finished_study import cue_score, identity, score

from pipeline.artefacts.scores import per_image_path, write_arrays
from pipeline.artefacts.table import Tables
from pipeline.report.findings import findings
from pipeline.settings import TablesJob
from pipeline.tables.accuracy import accuracy_table
from pipeline.tables.comparing import compared
from pipeline.tables.cues import cue_table
from pipeline.tables.metrics import metric_table
from pipeline.tables.scores import read_groups
from pipeline.tables.wsol import wsol_table

MODELS = {
    "birds/mine/mine": {"trunk": "torchvision:resnet18", "method": "given", "reference": "cam"},
    "birds/vit/vit": {"trunk": "lab:vit", "method": "given", "reference": "gradcam"},
    "birds/net/cam": {"trunk": "resnet_small", "method": "cam"},
    "birds/net/calm_em": {"trunk": "resnet_small", "method": "calm_em"},
}


def job(*names):
    names = [name for name in MODELS if any(part in name for part in names)]
    return TablesJob(
        protocol="corrected", normalisations=("raw",), models={n: MODELS[n] for n in names}
    )


def given(name, method=None):
    return identity(name, method, architecture=name)


def measured(folder, who, value, drawn, task="insertion_deletion", name="insertion"):
    path = folder / f"{task}-{'-'.join(str(each) for each in who.values())}.json"
    details = {"images": 2} if task in ("classification", "wsol") else {}
    score(path, task, who, {name: value}, **details)
    arrays = {"image_id": np.array(["a", "b"]), f"replicates.{name}": np.array(drawn)}
    write_arrays(per_image_path(path), arrays)
    return str(path)


def deltas(table):
    return {
        " ".join([*block.keys.values(), *row.names]): row.cells.get("delta")
        for block in table.blocks
        for row in block.rows
        if row.kind == "measured"
    }


def test_the_maps_of_a_given_model_are_compared_with_its_own_cam(tmp_path):
    paths = [
        measured(tmp_path, given("mine", "gradcam"), 0.5, [0.5, 0.7]),
        measured(tmp_path, given("mine", "cam"), 0.4, [0.4, 0.5]),
    ]
    table = metric_table("faithfulness", read_groups(paths), job("mine"))
    found = deltas(table)
    assert found["birds mine mine cam"] is None
    cell = found["birds mine mine gradcam"]  # the replicates differ by 10 and 20 percent
    assert (cell.value, cell.low, cell.high) == pytest.approx((10, 10.25, 19.75))
    assert table.columns["delta"].endswith(": Δ CAM")
    assert "Δ CAM: the difference from CAM's map on the same images" in table.notes[0]
    assert not any("is given, because" in note for note in table.notes)


def test_without_cam_the_first_method_is_the_reference_and_the_table_says_so(tmp_path):
    paths = [
        measured(tmp_path, given("vit", "gradcam"), 0.4, [0.4, 0.5]),
        measured(tmp_path, given("vit", "rise"), 0.5, [0.5, 0.7]),
    ]
    table = metric_table("faithfulness", read_groups(paths), job("vit"))
    assert deltas(table)["birds vit vit gradcam"] is None
    assert deltas(table)["birds vit vit rise"].value == pytest.approx(10)
    assert table.columns["delta"].endswith(": Δ gradcam")
    assert "the difference from a reference (birds vit: gradcam)" in table.notes[0]
    assert table.blocks[0].reference == "gradcam"


def test_each_block_has_its_own_reference(tmp_path):
    paths = [
        measured(tmp_path, given("mine", "cam"), 0.4, [0.4, 0.5]),
        measured(tmp_path, given("vit", "gradcam"), 0.3, [0.3, 0.3]),
        measured(tmp_path, given("vit", "rise"), 0.5, [0.5, 0.7]),
        measured(tmp_path, identity("cam", "cam"), 0.2, [0.2, 0.2]),
        measured(tmp_path, identity("calm_em", "joint"), 0.3, [0.3, 0.3]),
    ]
    table = metric_table("faithfulness", read_groups(paths), job("mine", "vit", "net"))
    found = {row: cell and round(cell.value, 6) for row, cell in deltas(table).items()}
    assert found == {
        "birds mine mine cam": None,
        "birds vit vit gradcam": None,
        "birds vit vit rise": 20,
        "birds net cam cam": None,
        "birds net calm_em joint": 10,
    }
    assert table.columns["delta"].endswith(": Δ reference")
    assert "(birds mine: CAM; birds vit: gradcam; birds net: CAM)" in table.notes[0]


def test_a_reference_that_was_not_measured_is_named(tmp_path):
    paths = [measured(tmp_path, given("vit", "rise"), 0.5, [0.5, 0.7])]
    table = metric_table("faithfulness", read_groups(paths), job("vit"))
    assert "delta" not in table.columns
    assert any("because there is no map of gradcam: birds vit." in note for note in table.notes)


def test_given_models_are_compared_with_the_first_of_them(tmp_path):
    paths = [
        measured(tmp_path, who, value, drawn, "classification", "top1")
        for who, value, drawn in (
            (given("mine"), 0.5, [0.4, 0.6]),
            (given("vit"), 0.7, [0.6, 0.6]),
            (identity("cam"), 0.1, [0.1, 0.1]),
            (identity("calm_em"), 0.2, [0.2, 0.2]),
        )
    ]
    table = accuracy_table(read_groups(paths), job("mine", "vit", "net"))
    found = {row: cell and round(cell.value, 6) for row, cell in deltas(table).items()}
    assert found == {
        "birds mine mine": None, "birds vit vit": 20, "birds net cam": None, "birds net calm_em": 10
    }  # fmt: skip
    said = " ".join(findings(Tables(tables=(table,))))
    assert "Difference from mine on the same images, each model: vit +20.0" in said
    assert "Difference from CAM on the same images, each model: calm_em +10.0" in said
    alone = accuracy_table(read_groups(paths[:1]), job("mine"))
    assert "delta" not in alone.columns
    assert not any("is given, because" in note for note in alone.notes)


def test_localisation_and_cues_have_the_same_references(tmp_path):
    for build, task, name in (
        (wsol_table, "wsol", "class.maxboxaccv2"),
        (lambda groups, job: cue_table(groups, {}, job), "cue_localization", "mpxap_weighted_raw"),
    ):
        paths = []
        for method, value in (("gradcam", 0.4), ("rise", 0.6)):
            path = measured(tmp_path, given("vit", method), value, [value] * 2, task, name)
            if task == "cue_localization":
                path = str(cue_score(tmp_path / f"{method}.json", given("vit", method), value,
                                     true=False))  # fmt: skip
                arrays = {"image_id": np.array(["a"]), f"replicates.{name}": np.array([value])}
                write_arrays(per_image_path(path), arrays)
            paths.append(path)
        table = build(read_groups(paths), job("vit"))
        cells = {row.names[1]: row.cells.get("delta") for row in table.blocks[0].rows}
        assert cells["gradcam"] is None
        assert cells["rise"].value == pytest.approx(20)
        assert table.blocks[0].reference == "gradcam"


def test_numbers_of_two_models_are_paired_by_method_or_across(tmp_path):
    paths = [
        measured(tmp_path, given("mine"), 0.5, [0.4, 0.6], "classification", "top1"),
        measured(tmp_path, given("vit"), 0.7, [0.6, 0.7], "classification", "top1"),
        measured(tmp_path, given("mine", "cam"), 0.4, [0.4, 0.5]),
        measured(tmp_path, given("mine", "rise"), 0.4, [0.4, 0.5]),
        measured(tmp_path, given("vit", "rise"), 0.3, [0.3, 0.3]),
    ]
    groups = read_groups(paths)
    mine, vit = ([g for g in groups if g.architecture == name] for name in ("mine", "vit"))
    found = list(compared(mine, vit, 0.95))
    assert [(each.heading, each.methods) for each in found] == [
        ("Top-1 accuracy", ("", "")), ("Insertion", ("rise", "rise"))
    ]  # fmt: skip
    top1 = found[0].difference
    assert (top1.value, top1.low, top1.high) == pytest.approx((-20, -19.75, -10.25))
    cam = [group for group in mine if group.method == "cam"]
    (one,) = compared(cam, [g for g in vit if g.method], 0.95, across=True)
    assert one.methods == ("cam", "rise")
    assert one.difference.value == pytest.approx(10)


def test_what_is_not_paired_says_why(tmp_path):
    first = measured(tmp_path, given("mine"), 0.5, [0.4, 0.6], "classification", "top1")
    second = measured(tmp_path, given("vit"), 0.7, [0.6, 0.7], "classification", "top1")
    write_arrays(per_image_path(second), {"image_id": np.array(["a", "c"])})
    (one,) = compared(read_groups([first]), read_groups([second]), 0.95)
    assert one.difference is None
    assert one.reason == "they were not measured on the same images"
    assert one.cells[1].value == pytest.approx(70)
