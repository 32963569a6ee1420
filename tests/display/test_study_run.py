import os
import time
from pathlib import Path

import pytest

from pipeline.display.study_run import Job, StudyRun
from pipeline.runtime import progress_files
from pipeline.runtime.progress_files import Progress

STAGES = {"records": "datasets", "train": "train", "attribute": "attribute", "unused": "cues"}


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(time, "time", lambda: Clock.now)
    return Clock


@pytest.fixture
def run(clock):
    run = StudyRun()
    run.plan({"records": 3, "train": 4, "attribute": 2}, STAGES)
    return run


def job(rule, clock, logs=()):
    return Job(rule, STAGES[rule], "birds", logs, clock.now)


def do(run, clock, number, rule, seconds):
    run.start(number, job(rule, clock))
    clock.now += seconds
    return run.finish(number)


def test_stages_have_their_jobs_in_the_order_of_the_workflow(run, clock):
    assert run.total == 9
    assert {name: state.jobs for name, state in run.stages.items()} == {
        "datasets": 3,
        "train": 4,
        "attribute": 2,
    }
    assert do(run, clock, 1, "records", 5.0).rule == "records"
    assert (run.done, run.stages["datasets"].done, run.running) == (1, 1, {})


def test_time_left_is_a_sum_over_the_jobs_to_come(run, clock):
    for number in range(2):
        do(run, clock, number, "records", 2.0)
    assert run.left() is None  # too early to say
    do(run, clock, 2, "train", 30.0)
    # one at a time: 1 records of 2 s, 3 trainings of 30 s, 2 others of the mean, 34 / 3
    assert run.left() == pytest.approx(2 + 3 * 30 + 2 * 34 / 3)
    run.start(3, job("train", clock))
    clock.now += 10.0
    assert run.left() == pytest.approx(2 + 20 + 2 * 30 + 2 * 34 / 3)


def test_jobs_at_the_same_time_take_less(run, clock):
    for number in range(3):
        run.start(number, job("records", clock))
    clock.now += 6.0
    for number in range(3):
        run.finish(number)
    # three at a time, six to come of 6 s each
    assert run.left() == pytest.approx(6 * 6 / 3)


def test_a_running_job_says_itself_how_long_it_takes(run, clock, tmp_path, monkeypatch):
    for number in range(3):
        do(run, clock, number, "records", 2.0)
    log = tmp_path / "train.log"
    log.touch()
    run.start(3, job("train", clock, [str(log)]))
    clock.now += 10.0
    monkeypatch.chdir(tmp_path)
    folder = Path(progress_files.FOLDER)
    folder.mkdir(parents=True)
    path = folder / str(os.stat(log).st_ino)
    progress_files.write(path, Progress("epoch 1/5: images", 50, 100, 10.0, (0, 5)))
    # 450 of 500 images are left at 5/s: 90 s; the other trainings take 100 s each
    assert run.left() == pytest.approx(90 + 3 * 100 + 2 * 2)


def test_a_second_try_makes_a_failure_good(run, clock):
    run.start(7, job("train", clock))
    assert run.fail(7, "train").rule == "train"
    assert run.failed == {7: "train"}
    do(run, clock, 7, "train", 3.0)
    assert run.failed == {}
    assert run.done == 1
    for number in (8, 9, 10):
        do(run, clock, number, "train", 3.0)
    # no training is left: the failed one was not counted twice
    assert run.left() == pytest.approx(3.0 * 3 + 2 * 3.0)


def test_what_never_began_is_no_job(run):
    assert run.finish(99) is None
    assert run.fail(98, "train") is None
