import errno
import hashlib

import numpy as np
import pytest
from archive_server import serve

from pipeline.datasets import download as module
from pipeline.datasets.download import download
from pipeline.datasets.published import Archive
from pipeline.runtime.errors import UserError

CONTENT = np.random.default_rng(0).bytes(100_000)
ARCHIVE = Archive("data.tgz", hashlib.md5(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0)


@pytest.fixture
def published(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "data.tgz").write_bytes(CONTENT)
    return folder


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def get(address, here, name="data.tgz", shown=None):
    shown = [] if shown is None else shown
    return download(ARCHIVE, f"{address}/{name}", here, lambda *row: shown.append(row))


def test_a_file_is_downloaded_once_and_its_progress_is_shown(published, here):
    shown = []
    with serve(published) as (address, asked):
        assert get(address, here, shown=shown).read_bytes() == CONTENT
        get(address, here)
    assert asked == [("data.tgz", 0)]
    assert shown[-1] == (100_000, 100_000)
    assert [path.name for path in here.iterdir()] == ["data.tgz"]


def test_lost_connections_are_made_again_from_where_they_broke_off(published, here):
    with serve(published, cuts=[30_000, 20_000]) as (address, asked):
        assert get(address, here).read_bytes() == CONTENT
    assert asked == [("data.tgz", 0), ("data.tgz", 30_000), ("data.tgz", 50_000)]


def test_what_an_earlier_run_has_brought_is_used(published, here):
    (here / "data.tgz.part").write_bytes(CONTENT[:70_000])
    with serve(published) as (address, asked):
        assert get(address, here).read_bytes() == CONTENT
    assert asked == [("data.tgz", 70_000)]


def test_a_download_that_was_killed_at_its_last_byte_is_whole(published, here):
    (here / "data.tgz.part").write_bytes(CONTENT)
    with serve(published) as (address, _):
        assert get(address, here).read_bytes() == CONTENT


def test_a_server_that_cannot_send_the_rest_sends_all_of_it(published, here):
    (here / "data.tgz.part").write_bytes(b"0" * 70_000)
    with serve(published, ranges=False) as (address, _):
        assert get(address, here).read_bytes() == CONTENT


def test_another_file_is_refused_and_removed(published, here):
    (published / "data.tgz").write_bytes(b"<html>Please log in</html>")
    with (
        serve(published) as (address, _),
        pytest.raises(UserError, match=rf"MD5 is not {ARCHIVE.md5} \(26 bytes"),
    ):
        get(address, here)
    assert not [*here.iterdir()]


def test_a_beginning_of_another_file_is_not_kept(published, here):
    (here / "data.tgz.part").write_bytes(b"0" * 70_000)
    with serve(published) as (address, _):
        with pytest.raises(UserError, match=r"removed\. Try again"):
            get(address, here)
        assert get(address, here).read_bytes() == CONTENT


def test_an_address_without_the_file_is_named_at_once(published, here):
    with (
        serve(published) as (address, asked),
        pytest.raises(UserError, match=r"/other\.tgz: 404"),
    ):
        get(address, here, "other.tgz")
    assert not asked


def test_a_server_that_sends_nothing_is_given_up_and_what_came_is_kept(published, here):
    cuts = [40_000] + [0] * module.TRIES
    with (
        serve(published, cuts=cuts) as (address, asked),
        pytest.raises(UserError, match=r"connection was lost\. What has come is kept"),
    ):
        get(address, here)
    assert len(asked) == 1 + module.TRIES
    assert (here / "data.tgz.part").read_bytes() == CONTENT[:40_000]


def test_a_full_disk_is_not_taken_for_a_lost_connection(published, here, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_append", full)
    with serve(published) as (address, _), pytest.raises(OSError, match="No space"):
        get(address, here)


def test_only_web_addresses_are_read(published, here):
    with pytest.raises(UserError, match="no address of a web server"):
        get(f"file://{published}", here)
