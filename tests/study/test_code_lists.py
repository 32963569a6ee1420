import os
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.runtime.codegraph import PACKAGE, code_of
from pipeline.runtime.errors import UserError
from pipeline.study import code_lists
from pipeline.study.code_lists import list_code


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A package of one module, `mine.module`, that was written an hour ago."""
    module = tmp_path / "mine" / "module.py"
    module.parent.mkdir()
    module.write_text("x = 1\n")
    an_hour_ago = time.time_ns() - 3600 * 10**9
    os.utime(module, ns=(an_hour_ago, an_hour_ago))
    monkeypatch.setattr(code_lists, "PACKAGE", module.parent)
    monkeypatch.setattr(code_lists, "code_of", lambda *modules: [str(module)])
    monkeypatch.setattr(code_lists, "_digest", code_lists._digest.__wrapped__)  # of each moment
    return module


def test_a_list_names_the_modules_of_a_stage_and_what_they_contain(tmp_path):
    path = list_code(tmp_path / "code", "pipeline.cues", "pipeline.attribution.methods.cam")
    assert path == str(tmp_path / "code" / "cues+attribution.methods.cam" / "modules.sha256")
    listed = {line.split("  ")[1] for line in Path(path).read_text().splitlines()}
    made_of = code_of("pipeline.cues", "pipeline.attribution.methods.cam")
    assert listed == {Path(file).relative_to(PACKAGE.parent).as_posix() for file in made_of}
    check = ["sha256sum", "--check", "--strict", "--quiet", path]
    assert subprocess.run(check, cwd=PACKAGE.parent, capture_output=True).returncode == 0


def test_a_new_list_is_as_old_as_its_youngest_module(module, tmp_path):
    path = Path(list_code(tmp_path, "mine.module"))
    assert path.stat().st_mtime_ns == module.stat().st_mtime_ns


def test_a_list_stays_untouched_until_a_module_changes(module, tmp_path):
    path = Path(list_code(tmp_path, "mine.module"))
    before = path.stat()
    module.touch()  # a new time alone is no change
    list_code(tmp_path, "mine.module")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    module.write_text("x = 2\n")
    os.utime(module, ns=(before.st_mtime_ns, before.st_mtime_ns))  # as some copies keep times
    began = time.time_ns()
    list_code(tmp_path, "mine.module")
    after = path.stat()
    assert after.st_mtime_ns >= began - 10**8  # a file's time is a clock tick old
    assert path.read_bytes().startswith(code_lists._digest(module).encode())


def test_a_list_that_a_power_failure_left_empty_is_written_again(module, tmp_path):
    path = Path(list_code(tmp_path, "mine.module"))
    whole = path.read_bytes()
    path.write_bytes(b"")
    list_code(tmp_path, "mine.module")
    assert path.read_bytes() == whole


def test_where_no_list_can_be_written_the_user_is_told(module, tmp_path):
    (tmp_path / "code").write_text("a file, no folder")
    with pytest.raises(UserError, match=r"Cannot write .*code"):
        list_code(tmp_path / "code", "mine.module")
