"""Progress of a long loop: a bar on a terminal, a plain line now and then in a log file."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")

INTERVAL = 60.0  # seconds between two lines in a log file

_log = logging.getLogger(__name__)


def track(
    iterable: Iterable[Item],
    total: int,
    what: str,
    *,
    size: Callable[[Item], int] = lambda item: 1,
) -> Iterator[Item]:
    """Yield the items of ``iterable`` and show how many are done, how fast, and how long is left.

    On a terminal (standard error) this is a progress bar. Elsewhere it is one log line at most
    every `INTERVAL` seconds, the first after that time, and a last line when all is done.

    Args:
        iterable: what to loop over.
        total: how many things there are, counted by ``size``.
        what: what is counted, e.g. ``"joint maps: images"``.
        size: how many things one item is, e.g. the images of a batch.
    """
    shown = _bar if sys.stderr.isatty() else _lines
    yield from shown(iterable, total, what, size)


def _bar(
    iterable: Iterable[Item], total: int, what: str, size: Callable[[Item], int]
) -> Iterator[Item]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    start, done = time.monotonic(), 0
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total, rate="")
        for item in iterable:
            yield item
            done += size(item)
            rate = done / max(time.monotonic() - start, 1e-9)
            progress.update(task, completed=done, rate=f"{rate:.1f}/s")


def _lines(
    iterable: Iterable[Item], total: int, what: str, size: Callable[[Item], int]
) -> Iterator[Item]:
    start = last = time.monotonic()
    done = 0
    for item in iterable:
        yield item
        done += size(item)
        now = time.monotonic()
        if now - last >= INTERVAL and done < total:
            rate = done / (now - start)
            left = f", {duration((total - done) / rate)} left" if rate > 0 else ""
            _log.info("%s %d of %d, %.1f/s%s", what, done, total, rate, left)
            last = now
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
