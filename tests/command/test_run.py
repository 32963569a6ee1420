import os

import pytest

from pipeline.command import run, workflow
from pipeline.command.__main__ import execute
from pipeline.runtime.errors import UserError


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "Snakefile").touch()
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "cub.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        ([], ["--cores", "all"]),
        (["--cores", "4", "models"], ["--cores", "4", "models"]),
        (["-c2", "-n"], ["-c2", "-n"]),
        (["--jobs=3"], ["--jobs=3"]),
        (
            ["--workflow-profile", "profiles/slurm"],
            ["--workflow-profile", "profiles/slurm"],
        ),
        (
            ["--config", "training.lr=0.01", "results=a.b", "-c2", "models"],
            ["--config", "training__lr=0.01", "results=a.b", "-c2", "models"],
        ),
        (["-c2", "--config=a.b=1.5"], ["-c2", "--config=a__b=1.5"]),
        (
            ["models", "--configfile", "config/cub.yaml", "-n"],
            ["--cores", "all", "models", "--configfile", "config/cub.yaml", "-n"],
        ),
    ],
)
def test_options_go_on_to_snakemake_in_their_order(checkout, monkeypatch, capsys, options, passed):
    started = []
    monkeypatch.setattr(os, "execv", lambda path, command: started.append((path, command)))
    execute(["run", *options])
    ((path, command),) = started
    assert command == [path, *passed]
    assert os.access(path, os.X_OK)
    assert capsys.readouterr().err == " ".join(command) + "\n"


def test_a_workflow_elsewhere_may_be_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    workflow.check_folder(["--snakefile=there/Snakefile"])
    workflow.check_folder(["-d", "there"])
    with pytest.raises(UserError, match="--snakefile FILE"):
        workflow.check_folder(["--cores", "2"])


@pytest.mark.parametrize(
    "options",
    [
        ["--configfile", "brids.yaml", "-n"],
        ["--configfiles", "birds.yaml", "brids.yaml", "--cores", "2"],
        ["-n", "--configfile=brids.yaml"],
    ],
)
def test_a_config_that_is_not_there_is_named_before_snakemake_starts(checkout, options):
    (checkout / "birds.yaml").touch()
    said = r"no config brids\.yaml; did you mean 'birds\.yaml'"
    with pytest.raises(UserError, match=said):
        workflow.check_folder(options)
    workflow.check_folder([option.replace("brids", "birds") for option in options])
    workflow.check_folder(["--config", "seeds=[1]", "-n", "report"])


def test_snakemake_must_be_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(workflow.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="not installed"):
        run.command_of([])
