"""The workflow as a module of another one: from a checkout, and from a git repository."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from rerun_cases import JOBS
from workflow_run import TINY, copy_checkout, plan, snakemake

HOST = """
configfile: "host.yaml"

module calm:
    snakefile: {snakefile}
    config: config["calm"]

use rule * from calm as calm_*

rule copy_of_the_table:
    input: rules.calm_tables.output.csv[0]
    output: "copied/{{dataset}}.csv" # a wildcard of this name has other values in the module
    shell: "cp {{input}} {{output}}"

rule everything:
    default_target: True
    input: rules.calm_all.input, "copied/anything.csv"

onstart:
    calm.onstart()
"""


@pytest.fixture
def host(tmp_path):
    """A workflow of a user, next to a checkout."""
    copy_checkout(tmp_path / "checkout")
    folder = tmp_path / "host"
    folder.mkdir()
    study = yaml.safe_load(TINY.read_text()) | {"results": "results/calm"}
    (folder / "host.yaml").write_text(yaml.safe_dump({"calm": study, "mine": {"key": 1}}))
    return folder


def test_a_module_plans_the_jobs_of_the_study_and_they_run(host):
    (host / "Snakefile").write_text(HOST.format(snakefile='"../checkout/workflow/Snakefile"'))
    expected = {f"calm_{job}" for job in JOBS}
    assert plan(host, config="") == expected | {"copy_of_the_table anything", "everything"}

    status, output = snakemake(host, "--cores", "1", "calm_datasets", config="")
    assert status == 0, output
    assert (host / "results" / "calm" / "datasets" / "birds" / "test.parquet").is_file()


def test_rules_may_come_from_a_repository_where_the_package_is_installed(host):
    checkout = host.parent / "checkout"
    installed = host.parent / "site-packages"
    installed.mkdir()
    (checkout / "pipeline").rename(installed / "pipeline")
    git = ("git", "-c", "user.name=tests", "-c", "user.email=tests@localhost")
    for command in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "All")):
        subprocess.run([*git, *command], cwd=checkout, check=True)
    shutil.move(checkout / "workflow", host.parent / "gone")  # what is committed is read, not this
    snakefile = f'gitfile("{checkout}", path="workflow/Snakefile", ref="main")'
    (host / "Snakefile").write_text(HOST.format(snakefile=snakefile))

    command = [sys.executable, "-m", "snakemake", "--dry-run"]
    env = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(host.parent)}
    done = subprocess.run(command, cwd=host, env=env, capture_output=True, text=True)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert "calm_report" in printed
    assert (host / ".snakemake" / "calm-study" / "pipeline").resolve() == installed / "pipeline"
