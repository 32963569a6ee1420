"""The columns of the tables are values that the evaluations write, and what they skip is said."""

import numpy as np
import pytest
from finished_study import JOB, identity, score

from pipeline.artefacts.table import load, save
from pipeline.catalogue.evaluations import EVALUATIONS
from pipeline.evaluation.axioms import axioms
from pipeline.evaluation.sanity import sanity
from pipeline.settings import TablesJob
from pipeline.tables.metrics import metric_table
from pipeline.tables.rankings import rank_table
from pipeline.tables.scores import read_groups
from pipeline.tables.wsol import wsol_table

JOB = TablesJob.model_validate(JOB)
CAM = identity("cam", "cam")


def test_every_axiom_that_is_measured_has_a_column():
    shown = {column.value for column in EVALUATIONS["axioms"].columns}
    assert shown == {*axioms.VALUES, "completeness_gap_scaled"}


def test_sanity_columns_are_means_over_the_depths():
    shown = {column.value for column in EVALUATIONS["sanity"].columns}
    assert shown <= set(sanity.METRICS)


def test_a_model_that_is_never_right_with_pixels_erased_has_a_table_of_dashes(tmp_path):
    values = {"accuracy.blur.most.50": 0.0}
    path = score(tmp_path / "a.json", "erase", CAM, values, values_undefined=4)
    table = metric_table("erasing", read_groups([path]), JOB)
    assert list(table.columns) == ["erase.auc.blur.most"]
    assert table.blocks[0].rows[0].cells == {}
    assert "birds cam cam 4" in " ".join(table.notes)
    save(tmp_path / "tables.json", [table])
    assert load(tmp_path / "tables.json").tables == (table,)


def test_footnotes_count_undefined_images_and_missing_grids_over_the_seeds(tmp_path):
    paths = [
        score(tmp_path / f"s{seed}.json", "sanity", identity("cam", "cam", seed=seed),
              {"spearman": 0.1}, undefined={"spearman": 2, "spearman.00": 9})
        for seed in (0, 1)
    ]  # fmt: skip
    paths.append(
        score(tmp_path / "g.json", "grid_pointing", CAM, {"localisation": 0.3},
              grids=12, grids_asked_for=50)
    )  # fmt: skip
    notes = " ".join(metric_table("faithfulness", read_groups(paths), JOB).notes)
    assert "Images for which Sanity: rank corr. is not defined: birds cam cam 4." in notes
    assert "Fewer grids than asked for: birds cam cam seed 0: 12 of 50." in notes


def test_what_localisation_lacks_is_counted_once_a_data_set(tmp_path):
    paths = [
        score(tmp_path / f"{method}.json", "wsol", identity("cam", method),
              {"class.maxboxaccv2": 0.5}, images=40, images_without_boxes=3,
              **{"class": {"constant_maps": constant, "val_threshold_absent": "no val images"}})
        for method, constant in (("cam", 0), ("gradient", 2))
    ]  # fmt: skip
    notes = " ".join(wsol_table(read_groups(paths), JOB).notes)
    assert "Images without a box: birds 3." in notes
    assert "and count as wrong): birds cam gradient 2." in notes
    assert "No threshold from val. birds: no val images." in notes


def test_agreement_is_spearmans_also_where_maps_tie(tmp_path):
    hits = {"a": 0.1, "b": 0.1, "c": 0.2, "d": 0.3, "e": 0.3}
    deletions = {"a": 0.2, "b": 0.1, "c": 0.1, "d": 0.3, "e": 0.4}
    paths = []
    for method in hits:
        who = identity("cam", method)
        values = {"hit_rate": hits[method]}
        paths.append(score(tmp_path / f"p{method}.json", "pointing_game", who, values))
        values = {"deletion": deletions[method]}
        paths.append(score(tmp_path / f"d{method}.json", "insertion_deletion", who, values))
    # Ranks by hand, ties sharing their mean; deletion is good where low, so the sign turns.
    x, y = [1.5, 1.5, 3, 4.5, 4.5], [3, 1.5, 1.5, 4, 5]
    expected = -np.corrcoef(x, y)[0, 1]
    assert expected == pytest.approx(-0.73, abs=1e-3)
    notes = " ".join(rank_table(read_groups(paths), JOB).notes)
    assert f"Deletion and Pointing {expected:.2f}" in notes


def test_maps_that_are_not_ranked_are_named(tmp_path):
    paths = [
        score(tmp_path / f"p{m}.json", "pointing_game", identity("cam", m), {"hit_rate": 0.5})
        for m in ("cam", "gradient", "edges")
    ] + [
        score(tmp_path / f"d{m}.json", "insertion_deletion", identity("cam", m), {"deletion": 0.5})
        for m in ("cam", "gradient")
    ]
    paths.append(score(tmp_path / "top1.json", "classification", identity("cam"), {"top1": 0.5}))
    notes = " ".join(rank_table(read_groups(paths), JOB).notes)
    assert "left out, since not all metrics measure them: cam edges." in notes
