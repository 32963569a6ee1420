"""Where the display writes: a terminal with bars that move, or lines in a pipe or file."""

import importlib.util
import os
import sys
import time
from typing import Protocol, TextIO

from pipeline.display.study_run import Job, StudyRun
from pipeline.runtime.progress import duration


class Screen(Protocol):
    """What the handler asks of a place to write to."""

    def say(self, text: str, *, prose: bool = False) -> None:
        """A message, on lines of its own, which can be copied; of prose, broken between words."""

    def finished(self, job: Job) -> None:
        """A job has ended well."""

    def close(self) -> None:
        """Nothing moves any more."""


def screen(run: StudyRun, stream: TextIO | None = None, *, colours: bool = True) -> Screen:
    """The screen for standard error, or for ``stream``.

    With --use-conda Snakemake's own Python may lack rich; a terminal then gets lines too.
    """
    stream = stream or sys.stderr
    moves = stream.isatty() and os.environ.get("TERM") not in (None, "dumb", "unknown")
    if not moves or importlib.util.find_spec("rich") is None:
        return Lines(run, stream)
    from pipeline.display.bars import Bars

    return Bars(run, stream, colours=colours)


class Lines:
    """One line per job, without colours and as wide as it is."""

    def __init__(self, run: StudyRun, stream: TextIO) -> None:
        self._run, self._stream = run, stream

    def say(self, text: str, *, prose: bool = False) -> None:
        """A message, on lines of its own, as long as they are."""
        print(text, file=self._stream, flush=True)

    def finished(self, job: Job) -> None:
        """``[12/87] train birds/small/cam/seed0, 1 min 20 s``."""
        run = self._run
        took = duration(time.time() - job.started)
        self.say(f"[{run.done}/{run.total}] {f'{job.rule} {job.name}'.strip()}, {took}")

    def close(self) -> None:
        """Nothing moves anyway."""
