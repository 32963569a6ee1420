"""A power failure: what was not brought onto the disk is lost, and on bad disks more than that."""

import random
import shutil
import signal
import sys
import time
from pathlib import Path

from fault_damage import empty, unnoticed
from fault_kills import comes, end
from fault_study import Row, bytes_different, new_study, resuming, run, start

# Python reads this module when a job starts: the rules put the checkout on its path. It notes each
# file that gets its name in the results, and whether its content was on the disk before.
RECORDER = """
import os
from pathlib import Path

_here = Path(__file__).parent
_log = os.open(_here / "renames.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
_on_disk, _all = set(), []
_fsync, _sync, _replace, _rename = os.fsync, os.sync, os.replace, os.rename


def _state(found):
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def fsync(handle):
    _fsync(handle)
    _on_disk.add(_state(os.fstat(handle)))


def sync():
    _sync()
    _all.append(True)


def _noted(rename):
    def renamed(old, new, **options):
        synced = _state(os.lstat(old)) in _on_disk or bool(_all)
        rename(old, new, **options)
        place = os.path.relpath(os.path.abspath(new), _here)
        if place.startswith("results"):
            os.write(_log, f"{'synced' if synced else 'loose'} {place}\\n".encode())

    return renamed


os.fsync, os.sync, os.replace, os.rename = fsync, sync, _noted(_replace), _noted(_rename)
"""
LOST = 3.0  # seconds of renames that a disk loses which says that it has written and has not


def record(study: Path) -> None:
    """Have every job of a study note what it renames."""
    (study / "sitecustomize.py").write_text(RECORDER)


def renamed(study: Path) -> dict[str, bool]:
    """Each name in the results that a rename gave, and whether the content was on the disk."""
    log = study / "renames.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return {name: word == "synced" for word, name in (line.split(" ", 1) for line in lines)}


def lose_power(folder: Path, times: int, moments: random.Random, undisturbed: Path) -> list[Row]:
    """Kill all processes at a random moment, empty what was lost, and run again until it ends.

    First a disk that keeps what was brought onto it: every file that was not is emptied. Then one
    that does not: all files of the last `LOST` seconds are emptied. There each run may stop at an
    emptied file, with the message that names it.

    Args:
        folder: for the studies.
        times: power failures of each kind.
        moments: draws the moments.
        undisturbed: the study to compare with.
    """
    return [
        _lose(folder / "study", times, moments, undisturbed, lost, of_what)
        for lost, of_what in ((0.0, "not on the disk"), (LOST, f"of the last {LOST:.0f} s as well"))
    ]


def _lose(
    study: Path, times: int, moments: random.Random, undisturbed: Path, lost: float, of_what: str
) -> Row:
    tried = recovered = different = 0
    while tried < times:
        record(new_study(study))
        failures = emptied = 0
        while tried + failures < times:
            process = start(study, resuming())
            if comes(moments, process, study):
                end(process, signal.SIGKILL, alone=False)
                failures += 1
                emptied += _empty(study, lost)
            elif process.returncode == 0:
                break
            else:
                _check_message((study / "printed.txt").read_text())
        for _ in range(emptied + 1):
            status, printed = run(study, resuming())
            if status == 0:
                break
            _check_message(printed)
        now_different = bytes_different(study, undisturbed)
        tried += failures
        recovered += failures if status == 0 and now_different == 0 else 0
        different += now_different
        shutil.rmtree(study)
    return Row(f"power failure: SIGKILL, then files {of_what} emptied", tried, recovered, different)


def _empty(study: Path, lost: float) -> int:
    """Empty what a power failure loses now; how many files."""
    synced = {name for name, on_disk in renamed(study).items() if on_disk}
    now, emptied = time.time(), []
    for path in sorted((study / "results").rglob("*")):
        name = path.relative_to(study).as_posix()
        # what was drawn is brought onto the disk as a whole
        if not path.is_file() or name.startswith("results/raw/") or path.suffix == ".damaged":
            continue
        if name not in synced or now - path.stat().st_ctime < lost:
            unnoticed(empty, path)
            emptied.append(name)
    print(f"  {len(emptied)} files emptied: {emptied}", file=sys.stderr)
    for path in (study / ".snakemake/metadata").rglob("*"):  # Snakemake does not wait for the disk
        if path.is_file():
            unnoticed(empty, path)
    return len(emptied)


def _check_message(printed: str) -> None:
    messages = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert messages, printed
    assert all("is damaged" in line for line in messages), printed
