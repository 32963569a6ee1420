"""How far the loop of a job is, in a small file that the display of the workflow reads.

A job of the workflow writes to a log and not to the terminal. Its file of progress is named by that
log's number in the file system (inode), which both sides can look up without knowing of each other.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

VARIABLE = "CALM_PROGRESS"  # names the folder of these files; absent where nobody looks
FOLDER = ".snakemake/calm_progress"


class Progress(NamedTuple):
    """How far a loop is.

    Attributes:
        what: what is counted, such as ``"epoch 2/20: images"``.
        done, total: of it.
        seconds: since the loop began.
        turns: which of how many such loops this is, from 0; a training has one per epoch.
    """

    what: str
    done: int
    total: int
    seconds: float
    turns: tuple[int, int] = (0, 1)

    @property
    def rate(self) -> float:
        """Things per second; 0 where nothing is done yet."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds until the last of the loops ends; None where nothing is done yet."""
        if not self.rate:
            return None
        turn, turns = self.turns
        return (self.total * (turns - turn) - self.done) / self.rate


def own() -> Path | None:
    """The file of this process; None where no display of a workflow looks."""
    folder = Path(os.environ.get(VARIABLE) or "/nowhere")
    if not folder.is_dir():
        return None
    try:
        return folder / str(os.fstat(2).st_ino)
    except OSError:  # standard error is closed
        return None


def write(path: Path, progress: Progress) -> None:
    """Replace the file; a full disk or a folder that is gone must not end the job."""
    partial = path.with_suffix(".partial")
    try:
        partial.write_text(json.dumps(progress))
        partial.replace(path)
    except OSError:
        path.unlink(missing_ok=True)


def read(folder: Path, logs: Sequence[str], since: float) -> Progress | None:
    """The progress of the job that writes to ``logs``.

    Args:
        folder: of the files.
        logs: of the job; the first counts.
        since: when the job began (seconds since 1970); what is older is another's.
    """
    try:
        path = folder / str(os.stat(logs[0]).st_ino)
        if path.stat().st_mtime < since:
            return None
        what, done, total, seconds, (turn, turns) = json.loads(path.read_text())
    except (OSError, IndexError, ValueError):
        return None
    return Progress(what, done, total, seconds, (turn, turns))
