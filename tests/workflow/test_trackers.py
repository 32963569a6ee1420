"""The rule that sends results to trackers; what each is sent: tests/tracking/test_trackers.py."""

import json

from workflow_run import edit_config, plan, snakemake

BOTH = {"mlflow": {"uri": "store"}, "wandb": {}}


def test_a_missing_package_ends_the_run_before_its_first_job(checkout):
    code = checkout / "pipeline/study/trackers.py"  # which looks for another package here
    code.write_text(code.read_text().replace("find_spec(name)", "find_spec(name + '_gone')"))
    edit_config(checkout, trackers={"mlflow": BOTH["mlflow"]})
    status, output = snakemake(checkout, "--cores", "1")
    assert status != 0
    assert "trackers.mlflow needs the package mlflow" in output
    assert not (checkout / "results").exists()


def test_a_finished_study_is_sent_to_both_and_then_left_alone(study):
    edit_config(study, trackers=BOTH)
    status, output = snakemake(study, "--cores", "2")
    assert status == 0, output
    receipt = json.loads((study / "results/tracked/mlflow.json").read_text())
    (run,) = (study / "store").glob(f"*/{receipt['run']}")
    report = (run / "artifacts/report.html").read_bytes()
    assert report == (study / "results/report.html").read_bytes()
    assert [*(study / "results/tracked/wandb").glob("offline-run-*")]
    assert plan(study) == set()
