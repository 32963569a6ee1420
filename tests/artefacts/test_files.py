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
    files.write_json(tmp_path / "a.json", {"a": 1})
    assert order == ["fsync", "rename", "fsync"]


def test_what_a_killed_process_left_is_removed_and_what_others_write_is_not(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host, parent = socket.gethostname(), os.getppid()
    names = {
        "dead": f".{host}-{ended.pid}-0123cdef.partial.a.json",
        "alive": f".{host}-{parent}-0123cdef.partial.a.json",
        "elsewhere": f".other{host}-{ended.pid}-0123cdef.partial.a.json",
        "of a machine whose name begins so": f".{host}-2-{ended.pid}-0123cdef.partial.a.json",
        "of no process": f".{host}-99999999999999999999-0123cdef.partial.a.json",
        "of another file": f".{host}-{ended.pid}-0123cdef.partial.aa.json",
    }
    for name in names.values():
        (tmp_path / name).touch()
    files.write_json(tmp_path / "a.json", {"a": 1})
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*names.values(), "a.json"} - {names["dead"]}


def test_nobody_can_guess_where_a_file_is_written_first(tmp_path):
    # a link that waits there would have this process write into what it leads to
    names = {files.temporary_beside(tmp_path / "a.json") for _ in range(20)}
    assert len(names) == 20
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".{socket.gethostname()}-{os.getpid()}.partial.a.json").symlink_to(victim)
    files.write_json(tmp_path / "a.json", {"a": 1})
    assert victim.read_text() == "precious"
    assert files.read_json(tmp_path / "a.json") == {"a": 1}


def test_folders_that_are_made_are_on_the_disk_from_the_top(tmp_path, monkeypatch):
    synced = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(of(handle)) or sync(handle))

    def of(handle):
        return os.readlink(f"/proc/self/fd/{handle}").removeprefix(str(tmp_path))

    files.write_json(tmp_path / "a/b/c.json", {})
    assert synced[:2] == ["", "/a"]
    assert synced[-1] == "/a/b"


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"Cannot write .*/file/a/b/c\.json: .*`results` folder"):
        files.write_json(tmp_path / "file/a/b/c.json", {})


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
    for number, text in enumerate(('{"a": ', "", "[" * 10**5, "\0" * 9, "1", '{"a": 1}')):
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        with pytest.raises(UserError, match=rf"{number}\.json is damaged.*{number}\.json\.damaged"):
            files.read_json(path)
        assert not path.exists()


CONTENT = {"b": 0.1 + 0.2, "a": [1, 2.0, -0.0, None, True, "ä\u2028"], "c": {"2": 1, "10": 2}}


@pytest.mark.parametrize("options", [{}, {"indent": None}, {"sort": False}])
def test_sealed_json_comes_back_as_it_was_and_has_equal_bytes(tmp_path, options):
    for name in ("a.json", "b.json"):
        files.write_json(tmp_path / name, CONTENT, **options)
        assert files.read_json(tmp_path / name) == CONTENT
    kept = list(files.read_json(tmp_path / "a.json"))
    assert kept == (list(CONTENT) if "sort" in options else sorted(CONTENT))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.30000000000000004", "0.3"),
        ("2.0", "2"),
        ("-0.0", "0.0"),
        ("true", "false"),
        ("null", "NaN"),
        ('"content"', '"contents"'),
        ('"sealed"', '"seal"'),
        ('"table.csv": ', '"other.csv": '),
    ],
)
def test_an_altered_value_is_found_and_the_file_moved_aside(tmp_path, old, new):
    (tmp_path / "table.csv").write_text("1,2\n")
    path = tmp_path / "score.json"
    files.write_json(path, CONTENT, vouched=[tmp_path / "table.csv"])
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=r"score\.json is damaged"):
        files.read_json(path)
    assert path.with_name("score.json.damaged").read_text() == text.replace(old, new)


def test_every_flipped_bit_of_sealed_json_is_found_or_changes_nothing(tmp_path):
    path = tmp_path / "score.json"
    files.write_json(path, CONTENT)
    content = path.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            assert files.read_json(path) == CONTENT  # white space has several spellings
        except UserError:
            continue


def test_a_file_that_json_vouches_for_is_checked_with_it_and_by_itself(tmp_path):
    table, path = tmp_path / "table.csv", tmp_path / "check.json"
    files.check_vouched(table, "check.json")  # nothing vouches for it yet
    table.write_text("1,2\n")
    files.write_json(path, {"a": 1}, vouched=[table])
    files.check_vouched(table, "check.json")
    files.check_vouched(tmp_path / "another.csv", "check.json")
    assert files.read_json(path) == {"a": 1}
    table.write_text("1,3\n")
    with pytest.raises(UserError, match=r"table\.csv is damaged.*moved aside"):
        files.check_vouched(table, "check.json")
    assert not table.exists()
    assert files.read_json(path) == {"a": 1}  # it is whole; the next run makes the other


def test_a_damaged_file_that_nobody_else_reads_is_made_again_too(tmp_path):
    """Else the reader of the JSON would be content in the next run, and the file missing."""
    table, path = tmp_path / "table.csv", tmp_path / "check.json"
    table.write_text("1,2\n")
    files.write_json(path, {"a": 1}, vouched=[table])
    table.write_text("")
    with pytest.raises(UserError, match=r"table\.csv is damaged.*moved aside"):
        files.read_json(path)
    assert not table.exists()
    assert not path.exists()  # an input of the reader's job: what makes it makes both


def test_with_damaged_json_goes_what_it_vouches_for(tmp_path):
    """Else the next run would read the table without a check."""
    table, path = tmp_path / "table.csv", tmp_path / "check.json"
    table.write_text("1,2\n")
    files.write_json(path, {"a": 1}, vouched=[table])
    path.write_text("")
    with pytest.raises(UserError, match=r"check\.json is damaged.*moved aside"):
        files.check_vouched(table, "check.json")
    assert {each.name for each in tmp_path.iterdir()} == {
        "table.csv.damaged", "check.json.damaged",
    }  # fmt: skip
