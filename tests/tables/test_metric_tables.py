"""Paired differences, and the tables with one column per metric."""

import numpy as np
import pytest
from finished_study import JOB, identity, score
from scipy import stats

from pipeline.artefacts.scores import per_image_path, write_arrays
from pipeline.catalogue.evaluation_entries import Column, Evaluation
from pipeline.catalogue.evaluations import EVALUATIONS
from pipeline.catalogue.tables import TABLES, columns_of, tables_of
from pipeline.settings import TablesJob
from pipeline.tables.__main__ import build
from pipeline.tables.formats import best, digits, to_markdown
from pipeline.tables.metrics import TITLES, metric_table
from pipeline.tables.paired import difference
from pipeline.tables.pooling import pooled
from pipeline.tables.rankings import rank_table
from pipeline.tables.scores import read_groups
from pipeline.tables.trunks import trunk_table
from pipeline.tables.wsol import wsol_table

JOB = TablesJob.model_validate(JOB)
IDS = np.array(["a", "b", "c"])


def measured(path, task, who, values, replicates=None, ids=IDS, **details):
    """A score with the replicates of its values."""
    score(path, task, who, values, **details)
    arrays = {"image_id": ids}
    arrays |= {f"replicates.{name}": np.array(r) for name, r in (replicates or {}).items()}
    write_arrays(per_image_path(path), arrays)
    return path


def scores_of(paths):
    (group,) = read_groups(paths)
    return group.scores


def test_a_paired_difference_is_taken_replicate_by_replicate(tmp_path):
    rng = np.random.default_rng(0)
    shared = rng.random(200)
    theirs, mine = 0.4 + 0.1 * shared, 0.5 + 0.1 * shared + 0.01 * rng.random(200)
    reference, method = (
        scores_of(
            [measured(tmp_path / f"{n}.json", "erase", identity("cam", n), {"x": v}, {"x": r})]
        )
        for n, v, r in (("cam", 0.45, theirs), ("gradient", 0.555, mine))
    )
    cell = difference(method, "x", reference, "x", 100, 0.9)
    low, high = np.quantile(100 * (mine - theirs), [0.05, 0.95])
    assert (cell.value, cell.low, cell.high) == pytest.approx((10.5, low, high))
    assert cell.high - cell.low < 2  # each interval by itself is ten wide: they share the draws


@pytest.mark.parametrize("fault", ["images", "seed", "no replicates"])
def test_what_was_not_measured_alike_has_no_difference(tmp_path, fault):
    reference = [
        measured(tmp_path / "r.json", "erase", identity("cam", "cam"), {"x": 0.4}, {"x": [1, 2]})
    ]
    who = identity("cam", "gradient", seed=int(fault == "seed"))
    method = [
        measured(
            tmp_path / "m.json",
            "erase",
            who,
            {"x": 0.5},
            {} if fault == "no replicates" else {"x": [1, 2]},
            ids=IDS[::-1] if fault == "images" else IDS,
        )
    ]
    assert difference(scores_of(method), "x", scores_of(reference), "x", 100, 0.95) is None


def test_several_seeds_have_the_interval_of_their_mean(tmp_path):
    rng = np.random.default_rng(1)
    images = rng.normal(0, 0.05, 500)  # what a resample does to both
    draws = np.array([[0.1], [0.3]]) + images + rng.normal(0, 0.02, (2, 500))
    paths = [
        measured(
            tmp_path / f"{seed}.json",
            "erase",
            identity("cam", "cam", seed=seed),
            {"x": 0.1 + 0.2 * seed},
            {"x": draws[seed]},
        )
        for seed in (0, 1)
    ]
    cell = pooled(scores_of(paths), "x", level=0.9)
    assert cell.value == pytest.approx(20)
    means = 100 * draws.mean(axis=0)
    shared = np.sqrt(1e4 * np.cov(*draws)[0, 1] / means.var(ddof=1))
    half = stats.t.ppf(0.95, 1) * stats.sem([10, 30])
    low, high = np.quantile(means, [0.05, 0.95]) - means.mean()
    expected = np.hypot([shared * low, shared * high], half) * [-1, 1] + means.mean()
    assert (cell.low, cell.high) == pytest.approx(tuple(expected))
    assert cell.sd == pytest.approx(np.sqrt(200))


def erase_scores(folder):
    values = {"cam": (0.6, 1.2), "gradient": (0.8, 1.4)}
    return [
        measured(
            folder / f"{method}.json",
            "erase",
            identity("cam", method),
            {"auc.blur.most": most, "auc.blur.least": least, "relative.blur.most.50": most / 2},
            {"auc.blur.most": [most, most + 0.1]},
            values_undefined=3 if method == "gradient" else 0,
        )
        for method, (most, least) in values.items()
    ]


def test_the_erase_table_knows_which_direction_is_good(tmp_path):
    table = metric_table("erasing", read_groups(erase_scores(tmp_path)), JOB)
    assert list(table.columns) == [
        "erase.auc.blur.most", "erase.relative.blur.most.50", "erase.auc.blur.least", "delta",
    ]  # fmt: skip
    leading = best(table, table.blocks[0])
    assert leading["erase.auc.blur.most"] == pytest.approx(60)  # the lower
    assert leading["erase.auc.blur.least"] == pytest.approx(140)  # the higher
    cam, gradient, random = table.blocks[0].rows
    assert (random.kind, random.cells["erase.auc.blur.most"].value) == ("baseline", 100)
    assert "delta" not in cam.cells
    assert gradient.cells["delta"].value == pytest.approx(20)
    assert "birds cam gradient 3" in " ".join(table.notes)
    assert "**60.0" in to_markdown(table)


def test_metrics_that_are_no_rates_are_shown_as_they_are(tmp_path):
    path = measured(
        tmp_path / "a.json", "infidelity", identity("cam", "cam"), {"infidelity": 0.012345}
    )
    table = metric_table("faithfulness", read_groups([path]), JOB)
    assert "infidelity.infidelity" in table.plain
    assert "0.0123" in to_markdown(table)
    assert (digits(1234.5, True), digits(12.34, False)) == ("1.23e+03", "12.3")


def test_of_a_metric_that_is_neither_better_high_nor_low_no_value_leads(tmp_path, monkeypatch):
    column = Column("entropy", "Entropy", "neither", percent=False)
    monkeypatch.setitem(EVALUATIONS, "sanity", Evaluation("sanity.sanity", (column,)))
    paths = [
        measured(tmp_path / f"{m}.json", "sanity", identity("cam", m), {"entropy": value})
        for m, value in (("cam", 0.5), ("gradient", 0.75))
    ]
    table = metric_table("faithfulness", read_groups(paths), JOB)
    assert [row.cells["sanity.entropy"].value for row in table.blocks[0].rows] == [0.5, 0.75]
    assert best(table, table.blocks[0]) == {}
    assert "**" not in to_markdown(table)
    assert "Neither high nor low is better: Entropy." in table.notes


def test_a_baseline_has_a_row_of_every_architecture_of_its_data_set(tmp_path):
    values = {"box.nss": 1.5, "box.kl": 0.25, "image.auc": 0.75}
    replicates = {"box.nss": [1.0, 2.0]}
    paths = [
        measured(tmp_path / "cam.json", "gaze", identity("cam", "cam"), values, replicates),
        measured(
            tmp_path / "viewers.json", "gaze", identity(method="viewers"),
            {"box.nss": 2.5, "box.kl": 0.125, "image.auc": 0.875}, {"box.nss": [2.0, 3.0]},
        ),
    ]  # fmt: skip
    table = metric_table("gaze", read_groups(paths), JOB)
    assert list(table.columns) == ["gaze.box.nss", "gaze.box.kl", "gaze.image.auc"]
    assert table.lower == ("gaze.box.kl",)
    cam, viewers = table.blocks[0].rows
    assert (cam.kind, viewers.kind) == ("measured", "baseline")
    assert viewers.names == ("baseline", "viewers")
    assert viewers.trained is None
    assert viewers.cells["gaze.box.nss"].value == 2.5  # as it is
    assert viewers.cells["gaze.image.auc"].value == 87.5  # percent
    assert "delta" not in viewers.cells


def test_ranks_respect_directions_and_leave_out_what_some_metric_lacks(tmp_path):
    paths = erase_scores(tmp_path)
    for method, hit in (("cam", 0.5), ("gradient", 0.9), ("edges", 0.1)):
        paths.append(
            measured(
                tmp_path / f"p.{method}.json", "pointing_game", identity("cam", method),
                {"hit_rate": hit, "energy": 0.3},
            )
        )  # fmt: skip
    table = rank_table(read_groups(paths), JOB)
    rows = {row.names: row.cells for row in table.blocks[0].rows}
    assert set(rows) == {("cam", "cam"), ("cam", "gradient")}  # edges were not erased by
    assert rows["cam", "cam"]["erase.auc.blur.most"].value == 1  # lower is better
    assert rows["cam", "cam"]["erase.auc.blur.least"].value == 2
    assert rows["cam", "cam"]["pointing_game.hit_rate"].value == 2
    assert rows["cam", "cam"]["pointing_game.energy"].value == 1  # equal values share a rank
    assert rows["cam", "gradient"]["pointing_game.energy"].value == 1
    assert "Pointing -1.00" in " ".join(table.notes)  # against most first, blur


def test_cue_localisation_is_ranked_by_its_headline_normalisation(tmp_path):
    """Not by raw, which a config may leave out or list later."""
    paths = erase_scores(tmp_path)
    for method, minmax, raw in (("cam", 0.5, 0.9), ("gradient", 0.6, 0.1)):
        values = {"mpxap_weighted_minmax": minmax, "mpxap_weighted_raw": raw}
        path = tmp_path / f"c.{method}.json"
        paths.append(measured(path, "cue_localization", identity("cam", method), values))
    job = TablesJob.model_validate(JOB.model_dump() | {"normalisations": ("minmax", "raw")})
    table = rank_table(read_groups(paths), job)
    rows = {row.names: row.cells for row in table.blocks[0].rows}
    assert [key for key in table.columns if key.startswith("cue")] == [
        "cue_localization.mpxap_weighted_minmax"
    ]
    assert rows["cam", "gradient"]["cue_localization.mpxap_weighted_minmax"].value == 1


def wsol_scores(folder):
    return [
        measured(
            folder / f"{architecture}.{method}.json", "wsol",
            identity("cam", method, architecture=architecture),
            {f"{target}.maxboxaccv2": value, f"{target}.maxboxacc_50": value,
             f"{target}.maxboxaccv2_val_threshold": value - 0.1},
            {f"{target}.maxboxaccv2": [value, value + 0.01]},
            images=9,
        )
        for architecture, method, target, value in (
            ("net", "cam", "class", 0.5),
            ("net", "cam_superset", "superset", 0.6),
            ("deep", "cam", "class", 0.7),
        )
    ]  # fmt: skip


def job_of_two():
    note = {"trunk": "resnet_small", "method": "cam"}
    models = {f"birds/{name}/cam": note for name in ("net", "deep")}
    return TablesJob.model_validate(JOB.model_dump() | {"models": models})


def test_table_5_has_a_column_an_architecture_and_says_what_is_missing(tmp_path):
    table = trunk_table(read_groups(wsol_scores(tmp_path)), job_of_two())
    assert list(table.columns)[:3] == ["birds/net", "birds/deep", "birds/mean"]
    rows = {row.names: row.cells for row in table.blocks[0].rows}
    assert rows["cam", "cam", "class"]["birds/deep"].value == pytest.approx(70)
    assert "birds/deep" not in rows["cam", "cam_superset", "superset"]
    assert "cam cam_superset superset not measured on birds deep" in " ".join(table.notes)
    assert len(table.blocks) == 1  # the paper has neither the data set nor the trunks
    assert list(table.columns) == ["birds/net", "birds/deep", "birds/mean"]


def test_a_superset_is_compared_with_cams_map_of_the_class(tmp_path):
    table = wsol_table(read_groups(wsol_scores(tmp_path)), job_of_two())
    rows = {(b.keys["architecture"], *row.names): row.cells for b in table.blocks for row in b.rows}
    assert rows["net", "cam", "cam_superset", "superset"]["delta"].value == pytest.approx(10)
    assert "delta" not in rows["net", "cam", "cam", "class"]
    assert list(table.columns)[:3] == ["maxboxaccv2", "delta", "maxboxacc_50"]
    assert "maxboxaccv2_val_threshold" in table.columns


def test_the_catalogue_names_the_tables_that_can_be_built():
    assert tables_of({"classification"}) == ["accuracy"]
    assert tables_of({"cue_localization"}) == ["cue_localization"]
    assert "rankings" in tables_of({"cue_localization", "erase"})
    assert tables_of({"sanity"}) == ["faithfulness"]
    for name in TITLES:
        assert TABLES[name] == (frozenset(columns_of(name)), 1)


def test_calibration_compares_models_by_the_brier_score_alone(tmp_path):
    paths = []
    for variant, ece, brier in (("cam", 0.1, 0.4), ("calm_em", 0.04, 0.5)):
        values = {"ece": ece, "ece_calibrated": 0.03, "ece_mass": ece, "mce": 0.3, "brier": brier}
        replicates = {"ece": [ece] * 3, "brier": [brier] * 3}
        who = identity(variant, None)
        path = tmp_path / f"{variant}.json"
        paths.append(measured(path, "calibration", who, values, replicates))
    table = metric_table("calibration", read_groups(map(str, paths)), JOB)
    assert table.names == {"variant": "Model"}
    assert list(table.columns) == [
        "calibration.ece", "calibration.ece_calibrated", "calibration.ece_mass",
        "calibration.mce", "calibration.brier", "delta",
    ]  # fmt: skip
    cam, calm = table.blocks[0].rows
    assert (cam.names, calm.names) == (("cam",), ("calm_em",))
    assert calm.cells["calibration.ece"].value == pytest.approx(4)
    assert table.columns["delta"] == "Brier score: Δ CAM"
    assert calm.cells["delta"].value == pytest.approx(0.1)
    assert "delta" not in cam.cells
    line = next(each for each in to_markdown(table).splitlines() if each.startswith("| calm_em"))
    assert line.startswith("| calm_em | **4.0 [2.0, 7.0]** | 3.0 [1.0, 6.0] | **4.0")
    assert line.endswith("| 0.1 [0.1, 0.1] |")


def test_the_accuracy_has_one_name_in_every_table(tmp_path):
    paths = [
        score(tmp_path / f"{task}.json", task, identity("cam"), {"top1": 0.9}, images=4)
        for task in ("classification", "calibration")
    ]
    tables = build(read_groups(paths), {}, JOB)
    headings = [
        heading
        for table in tables
        for column, heading in table.columns.items()
        if column.rpartition(".")[2] == "top1"
    ]
    main = [table.main["top1"].heading for table in tables if "top1" in table.main]
    assert headings == ["Top-1 accuracy"] * 2
    assert main == ["Top-1 accuracy"]
