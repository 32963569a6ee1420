import logging
import os
import re
import time

import pytest

from pipeline.runtime import progress, progress_files


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when told."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


def _run(items, total, clock, seconds, **options):
    received = []
    for item in progress.track(items, total, "images:", **options):
        received.append(item)
        clock.now += seconds
    return received


def test_a_log_file_gets_a_line_a_minute_and_a_last_one(caplog, clock):
    caplog.set_level(logging.INFO)
    assert _run(range(150), 150, clock, 1.0) == list(range(150))
    messages = [record.message for record in caplog.records]
    assert messages == [
        "images: 60 of 150, 1.0/s, 1 min 30 s left",
        "images: 120 of 150, 1.0/s, 30 s left",
        "images: 150, done in 2 min 30 s, 1.0/s",
    ]


def test_a_short_loop_gets_only_the_last_line(caplog, clock):
    caplog.set_level(logging.INFO)
    _run("abc", 3, clock, 0.1)
    assert [record.message for record in caplog.records] == ["images: 3, done in 0 s, 10.0/s"]


def test_batches_count_by_their_size(caplog, clock):
    caplog.set_level(logging.INFO)
    _run([[1, 2, 3], [4, 5]], 5, clock, 60.0, size=len)
    assert [record.message for record in caplog.records] == [
        "images: 3 of 5, 0.1/s, 40 s left",
        "images: 5, done in 2 min 0 s, 0.0/s",
    ]


def test_a_loop_that_fails_says_nothing_of_being_done(caplog, clock):
    caplog.set_level(logging.INFO)
    tracked = progress.track((1 / number for number in (1, 0)), 2, "images:")
    with pytest.raises(ZeroDivisionError):
        list(tracked)
    assert not caplog.records


def test_nothing_to_do_is_no_error(caplog, clock):
    caplog.set_level(logging.INFO)
    assert _run([], 0, clock, 1.0) == []
    assert "images: 0" in caplog.text


def test_a_terminal_gets_a_bar(monkeypatch, capsys, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress.track("abcd", 4, "images:")) == list("abcd")
    assert re.search(r"images:.*4/4", capsys.readouterr().err)
    assert not caplog.records


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.6, "8 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_are_readable(seconds, text):
    assert progress.duration(seconds) == text


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """The folder in which the display looks; standard error goes to a log."""
    monkeypatch.setenv(progress_files.VARIABLE, str(tmp_path))
    log = tmp_path / "job.log"
    with log.open("w") as stream:
        monkeypatch.setattr(progress_files.os, "fstat", lambda _: os.stat(stream.fileno()))
        yield lambda since=0.0: progress_files.read(tmp_path, [str(log)], since)


def test_the_display_of_the_workflow_finds_how_far_a_loop_is(noted, clock):
    items = progress.track(range(4), 40, "epoch 2/3: images", size=lambda _: 10, turns=(1, 3))
    assert noted() is None
    for step, _ in enumerate(items):
        if step == 2:
            found = noted()
            assert found == ("epoch 2/3: images", 20, 40, 2.0, (1, 3))
            assert found.rate == 10.0
            assert found.left == 6.0  # 20 of this epoch and 40 of the last one at 10/s
        clock.now += 1.0
    assert noted().done == 40  # it stays until the next epoch


def test_the_note_is_gone_when_the_loop_has_ended(noted, clock, tmp_path):
    _run("abc", 3, clock, 1.0)
    assert noted() is None
    with pytest.raises(ZeroDivisionError):
        list(progress.track((1 / number for number in (1, 0)), 2, "images:", turns=(0, 2)))
    assert noted() is None
    assert [path.name for path in tmp_path.iterdir()] == ["job.log"]


def test_a_note_of_an_earlier_job_with_the_same_log_is_none(noted, clock):
    items = iter(progress.track("abc", 3, "images:"))
    next(items)
    next(items)
    assert noted(since=time.time() - 100).done == 1
    assert noted(since=time.time() + 100) is None


def test_without_a_display_nothing_is_written(tmp_path, clock, monkeypatch):
    monkeypatch.setenv(progress_files.VARIABLE, str(tmp_path / "nowhere"))
    _run("abc", 3, clock, 1.0)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_does_not_end_the_job(noted, clock, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(progress_files.Path, "write_text", full)
    assert _run("abc", 3, clock, 1.0) == ["a", "b", "c"]
