import errno
import os
import socket
import subprocess
import sys

import pytest

from pipeline.artefacts import files
from pipeline.runtime.errors import UserError


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    target = tmp_path / "score.json"
    target.write_text("old")

    def write_half():
        with files.atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_clear_message(tmp_path):
    with pytest.raises(UserError, match=r"score\.json: No space left"):  # noqa: SIM117
        with files.atomic_path(tmp_path / "score.json"):
            raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_whatever_the_library_raises(tmp_path, monkeypatch):
    def write():
        with files.atomic_path(tmp_path / "maps.h5") as temporary:
            temporary.write_text("half")
            raise RuntimeError("unexpected position")

    with pytest.raises(RuntimeError):
        write()
    usage = type("Usage", (), {"free": 4096})
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(UserError, match=r"maps\.h5: No space left.*Free some space.*run again"):
        write()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.EDQUOT, "Free some space"),
        (errno.EACCES, "You may not write there"),
        (errno.EROFS, "can be written to"),
        (errno.ENOENT, "removed meanwhile, perhaps by a second run"),
        (errno.EIO, "see to this one"),
    ],
)
def test_every_reason_has_its_own_cure(tmp_path, number, cure):
    with pytest.raises(UserError, match=cure) as caught, files.atomic_path(tmp_path / "a.json"):
        raise OSError(number, os.strerror(number))
    assert os.strerror(number) in str(caught.value)
    assert ("Free some space" in str(caught.value)) == (number == errno.EDQUOT)


def test_content_is_on_the_disk_before_the_rename_and_the_name_after_it(tmp_path, monkeypatch):
    order = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: order.append("fsync") or sync(handle))
    monkeypatch.setattr(os, "replace", lambda *paths: order.append("rename") or rename(*paths))
    files.write_json(tmp_path / "a.json", 1)
    assert order == ["fsync", "rename", "fsync"]


def test_what_a_killed_process_left_is_removed_and_what_others_write_is_not(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host, parent = socket.gethostname(), os.getppid()
    names = {
        "dead": f".{host}-{ended.pid}.partial.a.json",
        "alive": f".{host}-{parent}.partial.a.json",
        "elsewhere": f".other{host}-{ended.pid}.partial.a.json",
        "of another file": f".{host}-{ended.pid}.partial.aa.json",
    }
    for name in names.values():
        (tmp_path / name).touch()
    files.write_json(tmp_path / "a.json", 1)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*names.values(), "a.json"} - {names["dead"]}


def test_json_is_canonical_and_refuses_nan(tmp_path):
    assert files.canonical_json({"b": 1, "a": (2, None)}) == '{"a":[2,null],"b":1}'
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_digest_ignores_the_order_of_keys_only():
    assert files.digest({"a": 1, "b": 2}) == files.digest({"b": 2, "a": 1})
    assert files.digest({"a": 1, "b": 2}) != files.digest({"a": 2, "b": 1})


def test_missing_and_broken_json_are_named(tmp_path):
    with pytest.raises(UserError, match=r"missing\.json"):
        files.read_json(tmp_path / "missing.json")
    (tmp_path / "cut.json").write_text('{"a": ')
    with pytest.raises(UserError, match=r"cut\.json is not valid JSON"):
        files.read_json(tmp_path / "cut.json")
