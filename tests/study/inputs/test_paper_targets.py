"""docs/reproduce.md names a target for every table and figure of the paper, and each is planned."""

import re
from pathlib import Path

import pytest

from pipeline.artefacts.paths import Paths, fill
from pipeline.study.inputs.report import ReportInputs
from pipeline.study.loading import load

ROOT = Path(__file__).parents[3]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "docs/reproduce.md").read_text().splitlines()
    if re.match(r"\| (Table|Figure) \d", line)
]


@pytest.fixture(scope="module")
def planned():
    study = load(ROOT / "config/paper.yaml")
    paths = Paths(study.results)
    report = ReportInputs(study, paths)
    tables = [f"{fill(paths.table, table=name)}.csv" for name in report.tables()]
    return {*tables, *report.figures()}


def test_every_table_and_figure_of_the_paper_has_a_row():
    named = [row[0].split(",")[0] for row in ROWS]
    assert sorted(named) == sorted(
        [f"Table {n}" for n in range(1, 6)] + [f"Figure {n}" for n in range(1, 12)]
    )
    assert all(len(row) == 3 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_target_is_planned(row, planned):
    targets = re.findall(r"`(results/[^`]*)`", row[1])
    assert targets or row[0].startswith("Figure 2,")  # a drawing
    assert set(targets) <= planned


def test_the_methods_of_table_1_and_figure_5_are_measured_on_resnet50():
    study = load(ROOT / "config/paper.yaml")
    gradients = {"gradient", "integrated_gradients", "smoothgrad", "vargrad"}
    assert gradients < set(study.methods_of("cub", "resnet50", "cam"))
    erased = {(model[0], model[2], method) for task, *model, _, method in study.measurements()}
    for dataset in study.datasets:
        assert {(dataset, "cam", method) for method in {"cam", *gradients}} <= erased
        assert {(dataset, calm, "joint") for calm in ("calm_em", "calm_ml")} <= erased
    assert {model[1] for _, *model, _, _ in study.measurements()} == {"resnet50"}


def test_calm_has_the_papers_rates_and_no_other_method_has():
    study = load(ROOT / "config/paper.yaml")
    stated = {"cub": 3e-5, "openimages": 5e-5, "imagenet": 7e-5}
    for dataset, architecture, variant in study.models_without_seed():
        training = study.train_job(dataset, architecture, variant, 0).training
        assert (training.lr == stated[dataset]) == variant.startswith("calm")
        small = variant.startswith("calm") or architecture == "resnet50"
        assert training.weight_decay == (1e-4 if small else 5e-4)
