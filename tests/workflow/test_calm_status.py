"""`calm status` on the tiny study: before, half way, after, and where a run was killed."""

import os
import re
import subprocess
import sys

from pipeline.command import records

CALM = [sys.executable, "-m", "pipeline.command", "status", "--configfile", "tiny.yaml"]


def _status(folder):
    """Stage -> its numbers in the order of the columns, and all that was printed."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(CALM, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = re.findall(r"^ +(\w+)((?: +\d+)+) *$", done.stdout, re.MULTILINE)
    return {stage: [int(number) for number in numbers.split()] for stage, numbers in lines}, (
        done.stdout
    )


def test_of_a_finished_study_all_is_done(finished):
    stages, text = _status(finished)
    assert stages["train"] == [3, 3]
    assert stages["all"][0] == stages["all"][-1] > 20
    assert stages["all"][1:4] == [0, 0, 0]
    assert "All is done. See results/report.html." in text


def test_what_is_missing_and_what_is_outdated_differ(study):
    (study / "results/report.html").unlink()
    config = study / "tiny.yaml"
    config.write_text(config.read_text().replace("      cam: {}", "      cam: {lr: 0.02}"))
    stages, text = _status(study)
    assert stages["train"] == [2, 1, 3]  # one to redo
    done, running, to_do, to_redo, total = stages["all"]
    assert (running, to_do) == (0, 1)
    assert to_redo > 0
    assert done + to_do + to_redo == total
    assert "To continue: calm run --configfile tiny.yaml\n" in text


def test_a_killed_run_is_told(study):
    output = "results/models/birds/small_pretrained/cam/seed0/weights.safetensors"
    marker = records.base64.urlsafe_b64encode(output.encode()).decode()
    (study / ".snakemake/incomplete").mkdir(exist_ok=True)
    (study / ".snakemake/incomplete" / marker).write_text("{}")
    assert "Begun, then interrupted:\n  train: results/models/birds" in _status(study)[1]
    (study / ".snakemake/locks").mkdir(exist_ok=True)
    (study / ".snakemake/locks/0.output.lock").write_text(output)
    stages, text = _status(study)
    assert stages["train"] == [2, 1, 3]
    assert "or it was killed" in text
    again = "calm run --configfile tiny.yaml"
    assert f"If it was killed: {again} --unlock && {again}\n" in text


def test_before_anything_ran_all_is_to_do(checkout):
    stages, _ = _status(checkout)
    done, _, to_do, _, total = stages["all"]
    assert (done, to_do) == (0, total)
