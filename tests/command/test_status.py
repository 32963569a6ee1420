import base64

import pytest

from pipeline.command import records, status
from pipeline.command.records import Job

PRINTED = """\
Building DAG of jobs...
[Mon Nov 23 04:24:55 2026]
rule train:
    input: shards/manifest.json, pipeline/training/loop.py
    output: models/a/weights.safetensors, models/a/history.csv
    log: logs/train/a.log
    reason: Missing output files: models/a/weights.safetensors; Updated input files: x
    wildcards: dataset=birds
[Mon Nov 23 04:24:55 2026]
localrule tables:
    output: tables/one.csv
    reason: Params have changed since last execution
[Mon Nov 23 04:24:55 2026]
rule all:
    input: report.html
    reason: Input files updated by another job: report.html
Job stats:
"""
TRAIN = ("models/a/weights.safetensors", "models/a/history.csv")


def test_the_jobs_of_a_dry_run_are_read():
    train, tables = records.parse(PRINTED)
    assert (train.rule, train.outputs, train.is_new) == ("train", TRAIN, True)
    assert (tables.rule, tables.outputs, tables.is_new) == ("tables", ("tables/one.csv",), False)


def test_jobs_that_were_started_are_known_by_their_outputs(tmp_path):
    incomplete = tmp_path / ".snakemake" / "incomplete"
    long = "results/" + "x" * 300
    encoded = base64.urlsafe_b64encode(long.encode()).decode()
    (incomplete / f"@{encoded[:200]}").mkdir(parents=True)
    (incomplete / f"@{encoded[:200]}" / encoded[200:]).touch()
    (incomplete / base64.urlsafe_b64encode(TRAIN[1].encode()).decode()).touch()
    assert records.started(tmp_path) == {long, TRAIN[1]}
    assert records.started(tmp_path / "elsewhere") == set()


def test_a_locked_folder_is_seen(tmp_path):
    assert not records.is_locked(tmp_path)
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    assert not records.is_locked(tmp_path)
    (locks / "0.input.lock").touch()
    assert records.is_locked(tmp_path)


@pytest.mark.parametrize(("locked", "running"), [(True, 1), (False, 0)])
def test_jobs_are_counted_by_what_is_to_be_done(locked, running):
    new = "Missing output files: x"
    due = [Job("train", ("a", "b"), new), Job("train", ("c",), new), Job("tables", ("d",), "Code")]
    everything = [*due, Job("train", ("e",), "Forced execution")]
    found = status.counts(everything, due, {"b"}, locked=locked)
    train = [found["train"][state] for state in status.STATES]
    assert train == [1, running, 2 - running, 0]
    assert found["tables"] == {"done": 0, "to redo": 1}


def test_rules_belong_to_the_stages_of_the_snakefile():
    stages = status.stages(records.Path(__file__).parents[2])
    assert stages["draw"] == "datasets"
    assert stages["attribute_noise_chunk"] == "attribute"
    assert stages["tables"] == stages["report"] == "report"
    order = list(dict.fromkeys(stages.values()))
    assert order.index("shards") < order.index("train") < order.index("report")
