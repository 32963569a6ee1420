"""`calm init`: the workflow of the package in a folder; tests/workflow/test_wheel.py uses it."""

import shutil
from pathlib import Path

import pytest

from pipeline.command import init
from pipeline.command.__main__ import execute
from pipeline.runtime.errors import UserError

CHECKOUT = Path(__file__).parents[2]


def contents(folder):
    """Every file and its bytes, without the record."""
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name != init.RECORD}


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """What an installed package would lay out; to be edited as an upgrade does."""
    package = tmp_path / "site-packages" / "pipeline"
    source = package / "laid_out"
    for name in ("Snakefile", "workflow/rules/common.smk", "config/config.yaml", "envs/torch.yaml"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"{name}, first version\n")
    (source / "workflow" / "__pycache__").mkdir()
    (source / "workflow" / "__pycache__" / "left.pyc").touch()
    monkeypatch.setattr(init, "_PACKAGE", package)
    return source


def test_a_checkout_lays_out_what_it_consists_of(tmp_path):
    laid = init.lay_out(tmp_path / "there" / "study")
    written = contents(tmp_path / "there" / "study")
    assert sorted(written) == laid.written
    assert {"Snakefile", "workflow/Snakefile", "workflow/rules/train.smk"} <= written.keys()
    assert {"config/cub.yaml", "profiles/slurm/profile.yaml", "envs/torch.yaml"} <= written.keys()
    assert {"docs/getting_started.md", "docs/images/counterfactual.png"} <= written.keys()
    for name, text in written.items():
        assert text == (CHECKOUT / name).read_bytes()


def test_it_says_what_comes_next(shipped, tmp_path, monkeypatch, capsys):
    execute(["init", str(tmp_path / "study")])
    assert (
        f"Next:\n  cd {tmp_path / 'study'}\n  calm check\n  calm run\n" in capsys.readouterr().out
    )
    monkeypatch.chdir(tmp_path / "study")
    execute(["init", "."])
    assert "Next:\n  calm check\n  calm run\n" in capsys.readouterr().out


@pytest.mark.parametrize("there", [(), (".git/config", ".venv/pyvenv.cfg")])
def test_an_empty_folder_may_exist_already(shipped, tmp_path, there):
    study = tmp_path / "study"
    for name in there:
        (study / name).parent.mkdir(parents=True)
        (study / name).touch()
    study.mkdir(exist_ok=True)
    init.lay_out(study)
    expected = {n: t for n, t in contents(shipped).items() if "__pycache__" not in n}
    assert contents(study) == expected | dict.fromkeys(there, b"")


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(shipped, tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    (study / "thesis.tex").write_text("text")
    with pytest.raises(UserError, match=r"study is not empty.* it holds thesis.tex\. Name a new"):
        init.lay_out(study)
    assert contents(study) == {"thesis.tex": b"text"}
    with pytest.raises(UserError, match=r"thesis\.tex is not a folder"):
        init.lay_out(study / "thesis.tex")
    with pytest.raises(UserError, match="Cannot lay out"):
        init.lay_out(study / "thesis.tex" / "below")


@pytest.mark.parametrize("exists", [False, True])
def test_a_failure_leaves_nothing_half_written(shipped, tmp_path, monkeypatch, exists):
    study = tmp_path / "study"
    if exists:
        study.mkdir()
    copies = []

    def fails(source, target):
        copies.append(target)
        if len(copies) == 3:
            raise OSError(28, "No space left on device", str(target))
        return copy(source, target)

    copy = shutil.copyfile
    monkeypatch.setattr(shutil, "copyfile", fails)
    with pytest.raises(UserError, match="No space left on device"):
        init.lay_out(study)
    assert study.exists() == exists
    assert not [path for path in tmp_path.rglob("*") if "calm-init" in path.name]
    assert not exists or not list(study.iterdir())


def test_an_upgrade_replaces_what_the_user_did_not_edit(shipped, tmp_path):
    study = tmp_path / "study"
    init.lay_out(study)
    (study / "config" / "config.yaml").write_text("edited\n")
    (study / "config" / "mine.yaml").write_text("mine\n")
    (study / "results").mkdir()
    assert init.problem_of_rules(study) == ""

    for name in ("workflow/rules/common.smk", "config/config.yaml", "config/mine.yaml"):
        (shipped / name).write_text(f"{name}, second version\n")
    (shipped / "workflow" / "new.smk").write_text("new\n")
    (shipped / "envs" / "torch.yaml").unlink()
    assert f"calm init {study}" in init.problem_of_rules(study)

    laid = init.lay_out(study)
    assert sorted(Path(name).name for name in laid.written) == ["common.smk", "new.smk"]
    assert laid.kept == ["config/config.yaml", "config/mine.yaml"]
    assert contents(study) == {
        "Snakefile": b"Snakefile, first version\n",
        "config/config.yaml": b"edited\n",
        "config/mine.yaml": b"mine\n",
        "workflow/rules/common.smk": b"workflow/rules/common.smk, second version\n",
        Path("workflow", "new.smk").as_posix(): b"new\n",
    }
    assert init.problem_of_rules(study) == ""
    assert init.lay_out(study).written == []


def test_edited_rules_and_configs_are_the_users_business(shipped, tmp_path):
    init.lay_out(tmp_path / "study")
    (tmp_path / "study" / "workflow" / "rules" / "common.smk").write_text("edited\n")
    (shipped / "config" / "config.yaml").write_text("second version\n")
    assert init.problem_of_rules(tmp_path / "study") == ""


def test_a_folder_that_it_did_not_lay_out_has_no_problem():
    assert init.problem_of_rules(CHECKOUT) == ""
    assert init.problem_of_rules("git+file:/somewhere@main") == ""


def test_a_package_without_its_workflow_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(init, "_PACKAGE", tmp_path / "pipeline")
    with pytest.raises(UserError, match="came without its workflow"):
        init.lay_out(tmp_path / "study")
