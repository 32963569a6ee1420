"""Progress of a long loop: a bar on a terminal, a plain line now and then in a log file.

The display of the workflow shows the jobs' loops too (`pipeline.runtime.progress_files`).
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from pipeline.runtime import progress_files
from pipeline.runtime.progress_files import Progress

Item = TypeVar("Item")

INTERVAL = 60.0  # seconds between two lines in a log file
GLANCE = 0.5  # seconds between two looks of the workflow's display

_log = logging.getLogger(__name__)


def track(
    iterable: Iterable[Item],
    total: int,
    what: str,
    *,
    size: Callable[[Item], int] = lambda item: 1,
    turns: tuple[int, int] = (0, 1),
) -> Iterator[Item]:
    """Yield the items of ``iterable`` and show how many are done, how fast, and how long is left.

    On a terminal (standard error) this is a progress bar. Elsewhere it is one log line at most
    every `INTERVAL` seconds, the first after that time, and a last line when all is done.

    Args:
        iterable: what to loop over.
        total: how many things there are, counted by ``size``.
        what: what is counted, e.g. ``"joint maps: images"``.
        size: how many things one item is, e.g. the images of a batch.
        turns: which of how many such loops this is, from 0, e.g. the epoch of a training.
    """
    if sys.stderr.isatty():
        yield from _bar(iterable, total, what, size)
    else:
        yield from _lines(iterable, Progress(what, 0, total, 0.0, turns), size)


def _bar(
    iterable: Iterable[Item], total: int, what: str, size: Callable[[Item], int]
) -> Iterator[Item]:
    from rich import progress as bars  # of no use in a log
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeRemainingColumn(),
    )
    start, done = time.monotonic(), 0
    with bars.Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total, rate="")
        for item in iterable:
            yield item
            done += size(item)
            rate = done / max(time.monotonic() - start, 1e-9)
            progress.update(task, completed=done, rate=f"{rate:.1f}/s")


def _lines(
    iterable: Iterable[Item], progress: Progress, size: Callable[[Item], int]
) -> Iterator[Item]:
    what, _, total, _, turns = progress
    start = last = time.monotonic()
    noted = start - GLANCE
    done = 0
    file = progress_files.own()
    try:
        for item in iterable:
            yield item
            done += size(item)
            now = time.monotonic()
            progress = Progress(what, done, total, now - start, turns)
            if file and now - noted >= GLANCE:
                progress_files.write(file, progress)
                noted = now
            if now - last >= INTERVAL and done < total:
                left = (total - done) / progress.rate if progress.rate else None
                ending = f", {duration(left)} left" if left is not None else ""
                _log.info("%s %d of %d, %.1f/s%s", what, done, total, progress.rate, ending)
                last = now
    finally:
        if file and (done < total or turns[0] + 1 == turns[1]):  # the next turn writes it again
            file.unlink(missing_ok=True)
    elapsed = time.monotonic() - start
    _log.info("%s %d, done in %s, %.1f/s", what, done, duration(elapsed), done / max(elapsed, 1e-9))


def duration(seconds: float) -> str:
    """A time span for people: ``"8 s"``, ``"3 min 20 s"``, ``"2 h 5 min"``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
