"""The wheel, built, installed into a new virtual environment, and used outside the checkout."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml
from workflow_run import CHECKOUT, TINY


def smaller():
    """The tiny study with one model and one score: every stage but those of maps and cues."""
    study = yaml.safe_load(TINY.read_text())
    birds = study["datasets"].pop("birds")
    del birds["supersets"]
    study["datasets"] = {"birds": birds | {"architectures": ["small"], "variants": {"cam": {}}}}
    study["evaluation"] = {"classification": study["evaluation"]["classification"]}
    return study


def run(*command, cwd, **variables):
    """What a command prints; it must succeed. Nothing of this checkout is on its path."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """Scripts of a virtual environment with the wheel; other packages come from this Python's."""
    pytest.importorskip("hatchling")
    place = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place, cwd=CHECKOUT)
    (wheel,) = place.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", place / "venv", cwd=place)
    python = place / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "-q")
    run(*pip, "--no-deps", "--no-index", "--no-compile", wheel, cwd=place)
    # A .pth file adds the folder itself, without the .pth of an editable install in there.
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(python, "-c", where, cwd=place).strip())
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    snakemake = python.with_name("snakemake")
    snakemake.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} -m snakemake "$@"\n')
    snakemake.chmod(0o755)
    return python.parent


@pytest.fixture(scope="module")
def study(environment, tmp_path_factory):
    """A folder that `calm init` of the wheel laid out."""
    place = tmp_path_factory.mktemp("elsewhere")
    printed = run(environment / "calm", "init", "study", cwd=place)
    assert "Next:\n  cd study\n  calm check\n  calm run\n" in printed
    return place / "study"


def test_the_wheel_brings_the_workflow_and_none_of_what_is_not_it(environment, study):
    (package,) = environment.parent.glob("lib/python*/site-packages/pipeline")
    laid = {p.relative_to(study).as_posix() for p in study.rglob("*") if p.is_file()}
    listed = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True)
    parts = ("Snakefile", "workflow/", "config/", "profiles/", "envs/", "docs/")
    tracked = {name for name in listed.stdout.split() if name.startswith(parts)}
    assert tracked <= laid
    source = {p.relative_to(CHECKOUT / "pipeline").as_posix() for p in _sources()}
    installed = {p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file()}
    assert source <= installed
    assert {name for name in installed - source if "laid_out/" not in name} == set()


def _sources():
    found = (p for p in (CHECKOUT / "pipeline").rglob("*") if p.is_file())
    return [p for p in found if "__pycache__" not in p.parts]


def test_check_and_plan_of_the_default_study(environment, study):
    assert "Next: calm run" in run(environment / "calm", "check", cwd=study)
    printed = run(environment / "snakemake", "--dry-run", "--quiet", "rules", cwd=study)
    assert "train" in printed
    assert "report" in printed


def test_a_tiny_study_runs_and_may_be_moved(environment, study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "study", symlinks=True)
    (folder / "smaller.yaml").write_text(yaml.safe_dump(smaller()))
    given = ("--configfile", "smaller.yaml", "--cores", "2")
    run(environment / "calm", "run", *given, cwd=folder)
    assert "A tiny study" in (folder / "results" / "report.html").read_text()
    assert (folder / "results" / "tables" / "accuracy.csv").is_file()

    (tmp_path / "other" / "place").mkdir(parents=True)
    moved = folder.rename(tmp_path / "other" / "place" / "study")
    printed = run(environment / "snakemake", *given, "--dry-run", cwd=moved)
    assert "Nothing to be done" in printed
    status = run(environment / "calm", "status", "--configfile", "smaller.yaml", cwd=moved)
    assert "All is done" in status


def test_rules_of_another_version_are_refused(environment, study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "study", symlinks=True)
    record = folder / ".calm-init.json"
    text = record.read_text()
    digest = text.split('"workflow/rules/train.smk": "')[1][:64]
    record.write_text(text.replace(digest, "0" * 64))
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [environment / "snakemake", "--dry-run"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"calm init {folder}" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
