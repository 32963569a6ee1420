import pytest
from workflow_config import study_with

from pipeline.artefacts.paths import Paths
from pipeline.runtime.errors import UserError
from pipeline.study import trackers
from pipeline.study.inputs.report import ReportInputs

MLFLOW = {"mlflow": {"uri": "store"}}


def test_without_the_key_there_is_no_tracker():
    assert ReportInputs(study_with(), Paths("out")).tracked() == []


def test_a_tracker_has_its_own_section_alone():
    study = study_with(trackers=MLFLOW | {"wandb": {}})
    report = ReportInputs(study, Paths("out"))
    assert report.tracked() == ["out/tracked/mlflow.json", "out/tracked/wandb.json"]

    class Wildcards:
        tracker = "mlflow"

    assert report.tracker_section(Wildcards) == '{"mlflow":{"experiment":null,"uri":"store"}}'


def test_a_missing_package_is_found_before_the_first_job(monkeypatch):
    there = {"mlflow"}
    monkeypatch.setattr(trackers, "find_spec", lambda name: name in there or None)
    trackers.check_packages(study_with())
    trackers.check_packages(study_with(trackers=MLFLOW))
    with pytest.raises(UserError, match=r"trackers\.wandb needs the package wandb"):
        trackers.check_packages(study_with(trackers=MLFLOW | {"wandb": {}}))


@pytest.mark.parametrize("section", [{"mlflow": {}}, {"neptune": {}}, {"wandb": {"mode": ""}}])
def test_wrong_sections_are_refused(section):
    with pytest.raises(UserError, match="trackers"):
        study_with(trackers=section)
