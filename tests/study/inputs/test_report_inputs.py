import json
from dataclasses import replace

from workflow_config import study_with

from pipeline.artefacts.paths import Names, Paths
from pipeline.catalogue.evaluation_entries import Column
from pipeline.catalogue.evaluations import EVALUATIONS
from pipeline.study.inputs.report import ReportInputs


def test_tables_are_those_that_there_are_scores_for(study, paths):
    few = ReportInputs(study, paths).tables()
    more = ReportInputs(study_with(evaluation={"erase": {}}), paths).tables()
    assert len(more) == len(few) + 1
    assert ReportInputs(study, paths).captions()[: len(few)] == few


def test_the_columns_of_what_is_measured_decide_the_tables(paths, monkeypatch):
    studies = [study_with(evaluation={"pointing_game": {}, "axioms": on}) for on in (None, {})]
    without, both = (ReportInputs(study, paths).columns() for study in studies)
    assert list(json.loads(without)) == ["calibration", "pointing_game"]
    assert list(json.loads(both)) == ["axioms", "calibration", "pointing_game"]
    changed = replace(EVALUATIONS["axioms"], columns=(Column("invariance.raw", "Another"),))
    monkeypatch.setitem(EVALUATIONS, "axioms", changed)
    assert ReportInputs(studies[0], paths).columns() == without
    assert ReportInputs(studies[1], paths).columns() != both


def test_the_report_shows_what_was_measured(study, paths):
    report = ReportInputs(study, paths)
    assert report.cue_datasets() == ["birds"]
    assert report.explorers() == ["out/explorer/birds/pretrained.json"]
    assert report.explored_maps(Names("birds", "pretrained"))[-1] == (
        "out/maps/birds/pretrained/calm_em/seed3/test/counterfactual.h5"
    )
    scores = report.explored_scores(Names("birds", "pretrained"))
    of_cam = "birds/pretrained/cam/seed3"  # the first seed
    assert scores[:5] == [
        f"out/scores/classification/{of_cam}/model.json",
        f"out/scores/cue_localization/{of_cam}/cam.json",
        f"out/scores/wsol/{of_cam}/cam.json",
        f"out/scores/cue_localization/{of_cam}/gradient.json",
        f"out/scores/wsol/{of_cam}/gradient.json",
    ]
    assert not any("counterfactual" in score or "seed4" in score for score in scores)
    assert report.explored_images(Names("birds", "pretrained"))[0] == scores[0][:-4] + "npz"
    assert report.figures()[0] == "out/figures/others/small/training.svg"
    assert "out/shards/others/test/manifest.json" not in report.manifests()
    assert "out/shards/birds/test/manifest.json" in report.manifests()
    section = json.loads(report.tables_section())
    assert section["models"]["birds/pretrained/calm_em"]["method"] == "calm_em"


def test_the_tables_know_the_supersets_of_data_sets_with_maps_of_them(study, paths):
    kind = study.datasets["birds"].supersets.kind
    for methods, wanted in (
        ({"cam": ["cam"], "calm": ["joint"]}, {}),
        ({"cam": ["cam"], "calm": ["joint", "subset"]}, {"birds": kind}),
        ({"cam": ["cam_superset"], "calm": ["joint"]}, {"birds": kind}),
    ):
        section = ReportInputs(study_with(methods=methods), paths).tables_section()
        assert json.loads(section)["supersets"] == wanted


def test_explorers_share_the_page(study, paths):
    dataset = study.datasets["birds"]
    several = dataset.model_copy(update={"architectures": [*dataset.architectures, "more", "some"]})
    datasets = study.datasets | {"birds": several}
    with_more = study.model_copy(update={"datasets": datasets})
    assert ReportInputs(study, paths).explorer_megabytes() == 16
    assert ReportInputs(with_more, paths).explorer_megabytes() == 5.333


def test_every_path_lies_in_the_results_folder():
    for name, pattern in vars(Paths("elsewhere")).items():
        assert pattern.split("/")[0] == "elsewhere", name
