"""The processes (ranks) of a training that wait for each other say so, and for which one.

None of them can see in a sum over all of them which one is late. So each counts its steps in a
small file of its own, and a thread of each looks at those of the others. A process that was
stopped, or whose machine is gone, writes no more; one that is slow is some steps behind.
"""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pipeline.runtime.progress import duration

PATIENCE = 45.0  # seconds of waiting without a word
_INTERVAL = 5.0  # seconds between two looks at the others
_SILENT = 4  # looks without a sign of a process, after which it is taken for stopped

log = logging.getLogger(__name__)


class _Sign(NamedTuple):
    """What a process says of itself: steps that it began, looks it took, its number and machine."""

    steps: int = 0
    looks: int = 0
    pid: int = 0  # 0: it has said nothing yet
    host: str = ""


class Watch:
    """A rank's steps, and its eye on the others; a callback of Fabric.

    Args:
        folder: that all ranks share; their small files lie in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps = 0  # the same number in all ranks, where none is late
        self.work = 0

    def on_step(self) -> None:
        """Count a step that this rank begins: all ranks begin equally many, and need each other."""
        self.steps += 1

    def on_work(self) -> None:
        """Count something else that it does, alone."""
        self.work += 1

    @contextmanager
    def over(
        self, rank: int, ranks: int, timeout: float, end: Callable[[], None]
    ) -> Iterator[None]:
        """Watch the other ranks during a block.

        Where this one has waited a while, a warning says for which others; where it has waited for
        ``timeout`` seconds, one message is printed and this process ends with status 2. Of several
        ranks that wait, the first speaks. Where nobody is seen to be late, nothing ends here.

        Args:
            rank: this one.
            ranks: how many there are; of a single one nothing is watched.
            timeout: seconds.
            end: called after the last message; ends those processes that this one started.
        """
        if ranks == 1:
            yield
            return
        over = threading.Event()
        eye = _Eye(self, rank, ranks, timeout)
        eye.take_a_look(time.monotonic())  # at once: the others have to know this process
        thread = threading.Thread(target=eye.look, args=(over, end), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(_INTERVAL)  # it may hang at a disk that does


def patience(timeout: float) -> float:
    """Seconds of waiting without a word, of at most ``timeout``."""
    return min(PATIENCE, timeout / 3)


class _Eye:
    """The thread of a watch: what it saw of the others, and when."""

    def __init__(self, own: Watch, rank: int, ranks: int, timeout: float) -> None:
        self._own, self._rank, self._ranks, self._timeout = own, rank, ranks, timeout
        self._interval = min(_INTERVAL, timeout / 15)
        self._looks = 0
        self._others = set(range(ranks)) - {rank}
        # of each other rank, and when it changed
        self._seen = dict.fromkeys(self._others, (_Sign(), time.monotonic()))

    def look(self, over: threading.Event, end: Callable[[], None]) -> None:
        """Look at the others until it is ``over``."""
        done, since = (0, 0), time.monotonic()
        next_word = patience(self._timeout)
        while not over.wait(self._interval):
            now = time.monotonic()
            if done != (self._own.steps, self._own.work):
                done, since = (self._own.steps, self._own.work), now
                next_word = patience(self._timeout)
            self.take_a_look(now)
            waited = now - since
            if waited < min(next_word, self._timeout) or self._is_late():
                continue
            late = self._late(now)
            speaks = self._rank == min({self._rank, *self._others} - late.keys())
            if waited >= self._timeout and late:
                if speaks:
                    self._say_the_last(late)
                    self._end_parent(late)
                end()
                os._exit(2)  # the main thread waits in a library, which nothing interrupts
            if speaks and waited >= next_word:
                log.warning("%s", self._word(late, waited))
            next_word *= 2

    def take_a_look(self, now: float) -> None:
        """Note how far this rank is, and how far the others are."""
        self._looks += 1
        start = os.environ.get("MASTER_PORT", "")  # another one at each start of a training
        own = f"{self._own.steps} {self._looks} {os.getpid()} {socket.gethostname()} {start}"
        with contextlib.suppress(OSError):  # the training itself will say what is wrong there
            self._own.folder.mkdir(parents=True, exist_ok=True)
            self._file(self._rank).write_text(own)
        for rank in self._others:
            with contextlib.suppress(OSError, ValueError):  # not yet there, or half written
                steps, looks, pid, host, of = self._file(rank).read_text().split(" ")
                sign = _Sign(int(steps), int(looks), int(pid), host)
                if of == start and sign != self._seen[rank][0]:
                    self._seen[rank] = sign, now

    def _file(self, rank: int) -> Path:
        return self._own.folder / f"rank{rank}.alive"

    def _is_late(self) -> bool:
        """Whether others have begun a step that this rank has not: it is not waiting."""
        return any(sign.steps > self._own.steps for sign, _ in self._seen.values())

    def _late(self, now: float) -> dict[int, _Sign]:
        """The ranks that have begun fewer steps than this one, or show no sign of life."""
        silent = _SILENT * self._interval
        return {
            rank: sign
            for rank, (sign, changed) in self._seen.items()
            if sign.steps < self._own.steps or now - changed > silent
        }

    def _word(self, late: dict[int, _Sign], waited: float) -> str:
        left = f"after {duration(self._timeout)} (CALM_RANK_TIMEOUT) the training ends"
        if not late:
            return (
                f"no process of this training has begun a step for {duration(waited)}; if one of "
                f"them cannot go on, {left}"
            )
        return (
            f"process {self._rank} has waited {duration(waited)} for {self._named(late)}; "
            f"it goes on as soon as they do, {left}"
        )

    def _named(self, late: dict[int, _Sign]) -> str:
        return ", ".join(f"process {rank}{_where(sign)}" for rank, sign in sorted(late.items()))

    def _say_the_last(self, late: dict[int, _Sign]) -> None:
        print(
            f"error: process {self._rank} of a training on {self._ranks} devices waited in vain "
            f"for {self._named(late)} (at most {self._timeout:.0f} s, CALM_RANK_TIMEOUT). See to "
            "it and run again: the training goes on from its last epoch.",
            file=sys.stderr,
            flush=True,
        )

    def _end_parent(self, late: dict[int, _Sign]) -> None:
        """Kill rank 0 where it is late and started this one: stopped, the job would never end."""
        if 0 in late and late[0].pid == os.getppid() and late[0].host == socket.gethostname():
            os.kill(late[0].pid, signal.SIGKILL)


def _where(sign: _Sign) -> str:
    """Where a process runs, and that it was stopped, where Linux knows it."""
    if not sign.pid:
        return ""
    stopped = ""
    if sign.host == socket.gethostname():
        with contextlib.suppress(OSError, IndexError):
            status = Path(f"/proc/{sign.pid}/stat").read_text().rpartition(")")[2].split()[0]
            stopped = f", stopped: `kill -CONT {sign.pid}` lets it go on" if status in "Tt" else ""
    return f" (PID {sign.pid} on {sign.host}{stopped})"
