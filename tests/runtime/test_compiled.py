"""Numba's kept code, where there is no place for it and where a power failure emptied it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
from pipeline.runtime.compiled import compiled


@compiled
def twice(number):
    return 2 * number
"""
ASK = "import sys; sys.path.insert(0, sys.argv[1]); import kept; print(kept.twice(21))"


def ask(folder, **environment):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environment
    return subprocess.run(
        [sys.executable, "-c", ASK, folder], env=environment, capture_output=True, text=True
    )


@pytest.fixture
def module(tmp_path):
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "kept.py").write_text(MODULE)
    return folder


def test_code_is_kept_next_to_the_module(module):
    assert ask(module).stdout == "42\n"
    assert list((module / "__pycache__").glob("kept.twice-*.nbi"))


def test_without_a_writable_folder_code_goes_to_a_private_one(module, tmp_path):
    # a file where the folder should be stops root, too, whom permissions do not
    (module / "__pycache__").write_text("")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    home = tmp_path / "home"
    home.write_text("")
    found = ask(
        module, HOME=str(home), XDG_CACHE_HOME=str(home), TMPDIR=str(temporary),
        PYTHONDONTWRITEBYTECODE="1",
    )  # fmt: skip
    assert found.stdout == "42\n", found.stderr
    (folder,) = temporary.glob("calm-numba-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.rglob("kept.twice-*.nbi"))


LOST = {
    "all": lambda content: b"",
    "the end": lambda content: content[: len(content) // 2],
    "zeros": lambda content: content[:100] + bytes(len(content) - 100),
}


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("lost", LOST)
def test_code_that_a_power_failure_broke_is_compiled_again(module, kind, lost):
    assert ask(module).stdout == "42\n"
    paths = list((module / "__pycache__").glob(f"*.{kind}"))
    assert paths
    for path in paths:
        path.write_bytes(LOST[lost](path.read_bytes()))
    assert ask(module).stdout == "42\n"
