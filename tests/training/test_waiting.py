"""A rank that waits says for whom, and ends where that one does not come."""

import logging
import threading
import time
from contextlib import contextmanager

import pytest

from pipeline.training import waiting
from pipeline.training.waiting import Watch

TIMEOUT = 3.0  # seconds: the first word comes after one, a look every fifth of a second


class EndError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def ends(monkeypatch):
    """The status with which each thread ended its process."""
    found = []

    def end(status):
        found.append(status)
        raise EndError

    monkeypatch.setattr(waiting.os, "_exit", end)
    monkeypatch.setattr(threading, "excepthook", lambda given: None)
    return found


@contextmanager
def two(folder, ranks=2):
    """The watches of several ranks, all in this process."""
    watches = [Watch(folder) for _ in range(ranks)]
    rank, killed = watches[0], []
    with rank.over(0, ranks, TIMEOUT, lambda: killed.append(0)):
        if ranks == 1:
            yield watches, killed
        else:
            with watches[1].over(1, ranks, TIMEOUT, lambda: killed.append(1)):
                yield watches, killed


def words(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize("late", [0, 1])
def test_the_one_that_waits_names_the_one_that_is_late(tmp_path, caplog, late):
    with two(tmp_path) as (watches, _):
        watches[1 - late].on_step()
        time.sleep(TIMEOUT / 2)
        watches[late].on_step()
    (said,) = words(caplog)  # the late one says nothing
    assert f"process {1 - late} has waited 1 s for process {late} (PID " in said
    assert "after 3 s (CALM_RANK_TIMEOUT) the training ends" in said


def test_at_the_timeout_there_is_one_message_and_an_end(tmp_path, capsys, ends):
    with two(tmp_path) as (watches, killed):
        watches[0].on_step()
        time.sleep(TIMEOUT * 1.3)
        assert killed == [0]  # the late one does not end itself
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("error: process 0 of a training on 2 devices waited in vain for process")
    assert "for process 1 (PID " in said
    assert ends == [2]


def test_those_that_work_say_nothing(tmp_path, caplog):
    with two(tmp_path) as (watches, _):
        for _ in range(10):
            time.sleep(0.2)
            for watch in watches:
                watch.on_work()  # as in an evaluation: the ranks' numbers need not be equal
            watches[0].on_work()
    assert not words(caplog)


def test_a_process_of_which_nothing_is_heard_is_the_late_one(tmp_path, caplog):
    # it was stopped in the middle of a step that it has begun; what an earlier start of the
    # training left of it is no sign of life
    (tmp_path / "rank1.alive").write_text("1 7 123 elsewhere 1")
    watch = Watch(tmp_path)
    with watch.over(0, 2, TIMEOUT, lambda: None):
        watch.on_step()
        time.sleep(TIMEOUT / 2)
    (said,) = words(caplog)
    assert "process 0 has waited 1 s for process 1;" in said


def test_where_nobody_is_late_a_word_comes_and_nothing_ends(tmp_path, caplog, ends):
    with two(tmp_path) as (_, killed):
        time.sleep(TIMEOUT * 1.3)
    assert [word.partition(" for ")[0] for word in words(caplog)] == [
        "no process of this training has begun a step"
    ] * 2  # after one and after two seconds, by the first process alone
    assert not killed
    assert not ends


def test_a_single_process_is_not_watched(tmp_path):
    before = threading.active_count()
    with two(tmp_path, ranks=1):
        assert threading.active_count() == before
    assert not list(tmp_path.iterdir())


def test_the_first_word_comes_within_a_minute():
    assert 30 <= waiting.patience(1800) <= 60
