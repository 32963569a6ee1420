"""A command on a terminal of its own: what it shows there, and what the keyboard does to it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

CTRL_C = b"\x03"


def _take_terminal() -> None:
    """In the new process: its terminal, and signals that act where the tests' own are ignored."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    """A session of processes with a terminal, like a window in which a person typed the command.

    The keys go through the kernel's line discipline: Ctrl-C becomes SIGINT for every process in the
    foreground, as it does for a person, and not for the one process that a test could name.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        size: tuple[int, int] = (24, 80),
    ) -> None:
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        lines, columns = map(str, size)
        around = {"TERM": "xterm", "LINES": lines, "COLUMNS": columns, "PYTHONPATH": ""}
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **around, **(environment or {})},
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(follower)
        self._written = b""

    @property
    def written(self) -> str:
        """All that came so far, with the codes that colour and move."""
        return self._written.decode(errors="replace")

    @property
    def text(self) -> str:
        """All that came so far, without them: what moved is there once for each picture of it."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.written)

    def until(self, pattern: str, seconds: float = 120) -> None:
        """Read until the text has the pattern.

        Raises:
            AssertionError: the command ended, or the time was over, before it came.
        """
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert time.monotonic() < end, f"no {pattern!r} in {self.text}"
            assert self.read(), f"ended without {pattern!r}: {self.text}"

    def press(self, keys: bytes) -> None:
        """What a person types."""
        os.write(self._leader, keys)

    def close(self, seconds: float = 60) -> None:
        """Close the window, and wait for the command to end."""
        os.close(self._leader)
        self.process.wait(seconds)

    def end(self, seconds: float = 120) -> int:
        """Read until the last process has left the terminal; the exit status of the command."""
        end = time.monotonic() + seconds
        while self.read():
            assert time.monotonic() < end, f"still running: {self.text}"
        os.close(self._leader)
        return self.process.wait(10)

    def processes(self) -> list[str]:
        """The command lines of the session's processes that are still there."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                # behind the name in parentheses: state, parent, group, session
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.process.pid and state != "Z":
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:  # it ended meanwhile
                continue
        return found

    def read(self) -> bool:
        """Take what is there within a second; False once nobody can write any more."""
        if not select.select([self._leader], [], [], 1)[0]:
            return True
        try:
            read = os.read(self._leader, 65536)
        except OSError:  # Linux says so when the last process has closed it
            return False
        self._written += read
        return bool(read)
