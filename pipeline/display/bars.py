"""The display on a terminal."""

import time
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from pipeline.display.study_run import Job, StudyRun
from pipeline.runtime.progress import duration

_SHOWN = 8  # jobs on the terminal at a time
_WIDE = 100  # columns of a terminal that has room for a bar for each job


class Bars:
    """The jobs that run, each with its progress, over a bar of all jobs; a line per whole stage."""

    def __init__(self, run: StudyRun, stream: TextIO, *, colours: bool = True) -> None:
        self._run = run
        self._console = Console(
            file=stream, force_terminal=True, no_color=not colours or None, highlight=False
        )
        self._planning = Spinner("dots", Text("planning the study"))
        self._live = Live(
            console=self._console, get_renderable=self.picture, refresh_per_second=4, transient=True
        )
        self._live.start()

    def say(self, text: str, *, prose: bool = False) -> None:
        """A message above what moves; the terminal itself breaks it, except for prose."""
        self._console.print(Text(text), soft_wrap=not prose)

    def finished(self, job: Job) -> None:
        """One line when it was the last of its stage: ``train: 3 jobs in 2 min 10 s``."""
        state = self._run.stages[job.stage]
        if state.done == state.jobs:
            jobs = "1 job" if state.jobs == 1 else f"{state.jobs} jobs"
            self.say(f"{job.stage:<11}{jobs:>8} in {duration(time.time() - state.began)}")

    def close(self) -> None:
        """Leave the lines alone on the terminal."""
        self._live.stop()

    def picture(self) -> RenderableType:
        """What moves, now."""
        if not self._run.total:
            return self._planning
        running = list(self._run.running.values())
        parts: list[RenderableType] = [self._jobs(running[:_SHOWN])]
        if len(running) > _SHOWN:
            parts.append(Text(f"and {len(running) - _SHOWN} more", "dim"))
        return Group(*parts, self._whole())

    def _jobs(self, running: list[Job]) -> Table:
        """Stage, job, what it does, rate and time left, on one line per job."""
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
        for _ in range(3):
            table.add_column(no_wrap=True, justify="right")
        bars = self._console.width >= _WIDE
        if bars:
            table.add_column(width=20)
        for job in running:
            progress = job.progress()
            about = Text(job.name or job.rule, overflow="ellipsis")
            row: list[RenderableType] = [Text(job.stage, "bold"), about]
            if progress is None:
                row += ["", "", _clock(time.time() - job.started), ""]
            else:
                left = progress.left
                what, _, unit = progress.what.partition(": ")
                row += [
                    what,
                    f"{progress.rate:.1f} {unit if bars else ''}".rstrip() + "/s",
                    f"{_clock(left)} left" if left is not None else "",
                    ProgressBar(progress.total, progress.done),
                ]
            table.add_row(*(row if bars else row[:-1]))
        return table

    def _whole(self) -> Table:
        """All jobs: how many are done, and how long is left."""
        run = self._run
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(no_wrap=True, justify="right")
        left = run.left()
        guess = f"about {duration(left)} left" if left is not None else ""
        table.add_row(f"{run.done} of {run.total} jobs", ProgressBar(run.total, run.done), guess)
        return table


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
