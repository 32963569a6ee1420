import importlib.util
import io
import os
import re
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.display.bars import Bars
from pipeline.display.screen import Lines, screen
from pipeline.display.study_run import Job, StudyRun
from pipeline.runtime import progress_files
from pipeline.runtime.progress_files import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of five jobs in a folder of its own; one training is half way, one job just began."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm")
    run = StudyRun()
    run.plan({"records": 2, "train": 3, "all": 1}, {"records": "datasets", "train": "train"})
    for number, name in ((1, "birds/small_pretrained/calm_em/seed0"), (2, "birds/other/cam/seed0")):
        Path(f"{number}.log").touch()
        run.start(number, Job("train", "train", name, [f"{number}.log"], 0.0))
    Path(progress_files.FOLDER).mkdir(parents=True)
    progress_files.write(
        Path(progress_files.FOLDER) / str(os.stat("1.log").st_ino),
        Progress("epoch 3/20: images", 60, 120, 2.0, (2, 20)),
    )
    return run


def drawn(run, width):
    bars = Bars(run, io.StringIO(), colours=False)
    bars.close()
    console = Console(file=io.StringIO(), width=width, color_system=None)
    bars._console = console  # as wide as this
    with console.capture() as captured:
        console.print(bars.picture())
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_shows_stage_job_epoch_rate_and_time_left(run, width):
    lines = drawn(run, width)
    assert max(map(len, lines)) <= width
    (training,) = [line for line in lines if "epoch 3/20" in line]
    assert training.startswith("train")
    assert "birds/" in training
    assert ("30.0 images/s" if width >= 100 else " 30.0/s") in training
    # 17 epochs of 120 images and 60 more at 30/s
    assert "0:01:10 left" in training
    assert ("━" in training) == (width >= 100)
    assert "0 of 5 jobs" in lines[-1]


def test_the_whole_name_is_there_where_it_fits(run):
    assert any("birds/small_pretrained/calm_em/seed0" in line for line in drawn(run, 120))


def test_many_jobs_do_not_fill_the_terminal(run):
    for number in range(3, 40):
        run.start(number, Job("records", "datasets", f"d{number}", [], 0.0))
    lines = drawn(run, 80)
    assert len(lines) == 10
    assert "and 31 more" in lines[-2]


def test_before_the_plan_something_moves():
    assert "planning the study" in "".join(drawn(StudyRun(), 80))


def test_a_pipe_gets_a_line_for_each_job(run):
    stream = io.StringIO()
    lines = screen(run, stream)
    assert isinstance(lines, Lines)
    lines.finished(run.finish(1))
    lines.say("words")
    lines.close()
    line, words = stream.getvalue().splitlines()
    assert line.startswith("[1/5] train birds/small_pretrained/calm_em/seed0, ")
    assert words == "words"


def test_a_terminal_gets_a_line_for_each_stage(run, monkeypatch):
    stream = Terminal()
    bars = screen(run, stream)
    assert isinstance(bars, Bars)
    for number in (1, 2):
        bars.finished(run.finish(number))
    bars.close()
    assert "3 jobs in" not in stream.getvalue()
    run.start(3, Job("train", "train", "last", [], 0.0))
    bars.finished(run.finish(3))
    assert re.search(r"train +3 jobs in ", stream.getvalue())


def test_prose_is_broken_between_words_and_a_command_is_not(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    bars = screen(run, stream)
    text = "a word " * 20
    bars.say(text.strip(), prose=True)
    bars.close()
    told = [line for line in stream.getvalue().splitlines() if "a word" in line]
    assert len(told) > 3
    assert all(
        re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", line).strip().endswith(("a", "word"))
        for line in told
    )
    stream = Terminal()
    bars = screen(run, stream)
    bars.say(text.strip())
    bars.close()
    assert text.strip() in stream.getvalue()


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(run, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(screen(run, Terminal()), Lines)


def test_without_rich_a_terminal_gets_lines(run, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert isinstance(screen(run, Terminal()), Lines)
