"""`--use-conda`, with a stand-in for conda whose environments hold what the env file names."""

import json
import os
import re
import shutil

import pytest
import stand_in_conda
from workflow_run import snakemake


@pytest.fixture
def conda(tmp_path, monkeypatch):
    binaries = stand_in_conda.install(tmp_path / "conda")
    monkeypatch.setenv("PATH", f"{binaries}{os.pathsep}{os.environ['PATH']}")


def test_every_rule_runs_in_its_environment_and_imports_the_checkout(finished, checkout, conda):
    status, output = snakemake(checkout, "--cores", "all", "--use-conda")
    assert status == 0, output
    assert len(re.findall("Creating conda environment", output)) == 1

    (witness,) = (checkout / ".snakemake" / "conda").glob("*.jobs")
    jobs = [json.loads(line) for line in witness.read_text().splitlines()]
    assert {job["prefix"] for job in jobs} == {str(witness.with_suffix(""))}
    assert {tuple(job["pipeline"]) for job in jobs} == {(str(checkout / "pipeline"),)}
    total = re.search(r"^total +(\d+)$", output, re.MULTILINE)
    assert len(jobs) >= int(total[1]) - 1  # all but rule all; some start further processes

    tables = sorted((finished / "results" / "tables").glob("*.csv"))
    assert tables
    for table in tables:
        made = checkout / "results" / "tables" / table.name
        assert made.read_bytes() == table.read_bytes()


def test_a_package_that_the_env_file_forgets_is_missed(checkout, conda):
    env = checkout / "envs" / "torch.yaml"
    env.write_text(env.read_text().replace("  - pyarrow >=17\n", ""))
    status, output = snakemake(checkout, "--cores", "2", "--use-conda", "datasets")
    assert status != 0
    assert "No module named 'pyarrow'" in output


@pytest.mark.skipif(shutil.which("conda") is not None, reason="conda is there")
def test_without_conda_the_message_says_what_to_do(checkout):
    status, output = snakemake(checkout, "--use-conda", "--cores", "1")
    assert status != 0
    assert "--use-conda needs conda on the PATH" in output
    assert "leave --use-conda out" in output
    assert "Traceback" not in output
    assert not (checkout / "results").exists()
