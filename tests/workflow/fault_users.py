"""Another user of the same machine, who prepares or watches the folder of temporary files."""

import os
import subprocess
import sys
from pathlib import Path

from fault_study import Row
from workflow_run import CHECKOUT

OTHER = 65534  # nobody
# started by root, whose Python the other user may not be allowed to start
CLAIM = """
import os, sys
from pipeline.runtime.devices import claim
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
print(claim(1, ["0"]))
"""


def two_users(folder: Path) -> list[Row]:
    """What another user can do to a job that locks a GPU; for root, who may become that user."""
    return [_traps(folder / "traps"), _at_once(folder / "at_once")]


def _traps(folder: Path) -> Row:
    """The other user has put something else where this user's locks lie: no file may change."""
    mended = 0
    mine = folder / "mine"
    mine.mkdir(parents=True)
    (mine / "choosing").write_text("a file of mine")
    traps = {
        "link": lambda place: place.symlink_to(mine),
        "folder": lambda place: place.mkdir(),
        "file": lambda place: place.write_text(""),
    }
    for name, prepare in traps.items():
        shared = _shared(folder / name)
        place = shared / f"calm-gpus-{os.getuid()}"
        prepare(place)
        os.chown(place, OTHER, OTHER, follow_symlinks=False)
        done = _claim(shared)
        untouched = (mine / "choosing").read_text() == "a file of mine"
        refused = done.returncode != 0 and "Set TMPDIR to a folder of your own" in done.stderr
        mended += untouched and refused
    return Row("another user has prepared the folder of locks", len(traps), mended, 0)


def _at_once(folder: Path) -> Row:
    """Two users lock GPUs in one TMPDIR: neither meets the other's files."""
    shared = _shared(folder)
    done = [_claim(shared), _claim(shared, user=OTHER)]
    alone = [path.stat().st_mode & 0o077 == 0 for path in shared.iterdir()]
    ended = all(one.returncode == 0 and one.stdout.strip() == "['0']" for one in done)
    return Row("two users, one TMPDIR", 1, int(ended and len(alone) == 2 and all(alone)), 0)


def _shared(folder: Path) -> Path:
    folder.mkdir(parents=True)
    folder.chmod(0o1777)  # as /tmp
    return folder


def _claim(shared: Path, user: int = 0) -> subprocess.CompletedProcess:
    environment = {**os.environ, "TMPDIR": str(shared), "PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(
        [sys.executable, "-c", CLAIM, str(user)],
        env=environment, capture_output=True, text=True, cwd="/",
    )  # fmt: skip
