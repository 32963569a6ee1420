"""Means over trunks (the paper's Table 3) and data sets (Table 5)."""

import numpy as np
import pytest
from finished_study import JOB, identity, score
from scipy import stats

from pipeline.artefacts.scores import per_image_path, write_arrays
from pipeline.settings import TablesJob
from pipeline.tables.scores import read_groups
from pipeline.tables.trunks import trunk_table

TRUNKS = {"deep": "vgg16", "wide": "inception_v3", "net": "resnet50"}
DATASETS = ("birds", "things", "others")
REPLICATES = 400


def job(*datasets):
    models = {
        f"{dataset}/{architecture}/cam": {"trunk": trunk, "method": "cam"}
        for dataset in datasets
        for architecture, trunk in TRUNKS.items()
    }
    return TablesJob.model_validate(JOB | {"models": models})


def measured(folder, dataset, architecture, value, *, seed=0, metric="maxboxaccv2", images=9):
    """A score and its replicates: what the images do to all models of a data set, and more."""
    who = identity("cam", "cam", dataset=dataset, architecture=architecture, seed=seed)
    path = folder / f"{dataset}.{architecture}.{seed}.json"
    name = f"class.{metric}"
    images_do = np.random.default_rng(DATASETS.index(dataset)).normal(0, 0.02, REPLICATES)
    own = np.random.default_rng([seed, len(architecture)]).normal(0, 0.01, REPLICATES)
    replicates = value + images_do + own
    arrays = {
        "image_id": np.array([f"{dataset}{number}" for number in range(4)]),
        f"replicates.{name}": replicates,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(per_image_path(path), arrays)
    return score(path, "wsol", who, {name: value}, images=images), replicates


def row_of(paths, table_job):
    table = trunk_table(read_groups(map(str, paths)), table_job)
    return table, table.blocks[0].rows[0].cells


def test_the_mean_over_trunks_has_the_interval_of_their_joint_replicates(tmp_path):
    values = {"deep": 0.5, "wide": 0.6, "net": 0.75}
    found = [measured(tmp_path, "birds", name, value) for name, value in values.items()]
    table, cells = row_of([path for path, _ in found], job("birds"))
    assert list(table.columns)[:4] == ["birds/deep", "birds/wide", "birds/net", "birds/mean"]
    assert "total" not in table.columns
    mean = cells["birds/mean"]
    assert mean.value == pytest.approx(100 * np.mean([0.5, 0.6, 0.75]))
    joint = np.mean([drawn for _, drawn in found], axis=0)
    assert (mean.low, mean.high) == pytest.approx(tuple(100 * np.quantile(joint, [0.025, 0.975])))


def test_the_total_mean_weighs_data_sets_alike_and_is_surer_than_each(tmp_path):
    values = dict(zip(DATASETS, ((0.5, 0.7), (0.2, 0.3), (0.9, 0.8)), strict=True))
    found = {
        name: [
            measured(tmp_path, name, architecture, value)
            for architecture, value in zip(("deep", "net"), of, strict=True)
        ]
        for name, of in values.items()
    }
    paths = [path for of in found.values() for path, _ in of]
    _, cells = row_of(paths, job(*values))
    assert cells["total"].value == pytest.approx(100 * np.mean([0.6, 0.25, 0.85]))
    # independent data sets: a third of the root of the summed variances
    spread = [np.std(np.mean([drawn for _, drawn in of], axis=0)) for of in found.values()]
    expected = 2 * 1.96 * 100 * np.sqrt(np.sum(np.square(spread))) / 3
    assert cells["total"].high - cells["total"].low == pytest.approx(expected, rel=0.15)


def test_of_several_seeds_the_spread_is_that_of_the_seeds_means(tmp_path):
    values = {"deep": (0.5, 0.54, 0.52), "net": (0.6, 0.7, 0.65)}
    found = [
        measured(tmp_path, "birds", architecture, value, seed=seed)
        for architecture, of in values.items()
        for seed, value in enumerate(of)
    ]
    _, cells = row_of([path for path, _ in found], job("birds"))
    means = 100 * np.mean([values["deep"], values["net"]], axis=0)
    mean = cells["birds/mean"]
    assert mean.value == pytest.approx(means.mean())
    assert mean.sd == pytest.approx(means.std(ddof=1))
    # longer than Student's t interval over the seeds
    assert mean.high - mean.low > 2 * stats.t.ppf(0.975, 2) * stats.sem(means)


def test_a_row_without_a_trunk_or_a_data_set_has_no_mean_of_it(tmp_path):
    paths = [
        measured(tmp_path, "birds", "deep", 0.5)[0],
        measured(tmp_path, "birds", "net", 0.6)[0],
        measured(tmp_path, "things", "deep", 0.3)[0],
    ]
    other = identity("cam", "cam_superset", dataset="birds", architecture="net")
    paths.append(score(tmp_path / "s.json", "wsol", other, {"superset.maxboxaccv2": 0.7}, images=9))
    table, cells = row_of(paths, job("birds", "things"))
    assert cells["total"].value == pytest.approx((55 + 30) / 2)
    superset = next(row for row in table.blocks[0].rows if row.names[2] == "superset").cells
    assert not {"birds/mean", "total"} & superset.keys()


def test_trunks_measured_on_other_images_have_a_mean_without_an_interval(tmp_path):
    first, _ = measured(tmp_path, "birds", "deep", 0.5)
    second, _ = measured(tmp_path, "birds", "net", 0.6)
    arrays = {"image_id": np.array(["x"]), "replicates.class.maxboxaccv2": np.full(REPLICATES, 0.6)}
    write_arrays(per_image_path(second), arrays)
    _, cells = row_of([first, second], job("birds"))
    assert cells["birds/mean"].value == pytest.approx(55)
    assert cells["birds/mean"].low is None


def test_published_numbers_stand_in_the_studys_columns_where_the_setting_is_the_papers(tmp_path):
    settings = {
        "birds": (5794, "maxboxaccv2"), "things": (5000, "pxap"), "others": (50_000, "maxboxaccv2")
    }  # fmt: skip
    paths = [
        measured(tmp_path, dataset, architecture, 0.5, metric=metric, images=images)[0]
        for dataset, (images, metric) in settings.items()
        for architecture in TRUNKS
    ]
    table, _ = row_of(paths, job(*settings))
    assert list(table.columns) == [
        *("birds/deep", "birds/wide", "birds/net", "birds/mean"),
        *("things/deep", "things/wide", "things/net", "things/mean"),
        *("others/deep", "others/wide", "others/net", "others/mean", "total"),
    ]
    rows = {(row.names[0], row.names[2]): row.cells for row in table.blocks[1].rows}
    calm = rows["calm_em", "superset"]
    assert calm["birds/net"].value == 71.0
    assert calm["birds/mean"].value == 65.4
    assert calm["others/deep"].value == 62.8
    assert calm["things/mean"].value == 62.7
    assert calm["total"].value == 63.6
    assert rows["calm_ml", "class"].keys() == {"birds/mean", "things/mean", "others/mean"}


def test_5000_images_with_boxes_are_not_openimages(tmp_path):
    path, _ = measured(tmp_path, "birds", "net", 0.5, images=5000)
    table, _ = row_of([path], job("birds"))
    assert (list(table.columns), len(table.blocks)) == (["birds/net"], 1)  # nothing published
