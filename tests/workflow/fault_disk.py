"""A full disk: each folder of the results on a small file system in memory (tmpfs), in its turn."""

import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from fault_study import Row, bytes_different, new_study, results, resuming, run

# the folders of the results that a stage writes into, but for logs and durations
FOLDERS = (
    *("raw", "datasets", "shards", "cues", "supersets", "models", "checkpoints", "maps", "scores"),
    *("tables", "figures", "explorer"),
)
SMALL, ENOUGH = 64 * 1024, 256 * 1024**2  # bytes
BALLAST = "ballast"
REPORT = "report.html"


def fill(folder: Path, undisturbed: Path) -> Row:
    """Let a study meet a full disk in every stage; for root, who may mount a tmpfs.

    No folder has a byte to spare at first, and in the end there is no room for the report. Each
    time the study has to fail with a message that names the file and the cure, and to leave no
    file half written; then what the message named is enlarged and the same command run again.
    """
    study = new_study(folder)
    base = study / "results"
    met: set[str] = set()
    with ExitStack() as mounts:
        _mount(base, ENOUGH)
        mounts.callback(_unmount, base)
        for name in FOLDERS:
            _mount(base / name, SMALL)
            mounts.callback(_unmount, base / name)
            _fill_up(base / name)
        while found := _what_was_full(study):
            assert not found & met, found
            met |= found
            for name in found:
                (base / name / BALLAST).unlink()
                _mount(base / name, ENOUGH, "remount,")
        for name in set(FOLDERS) - met:
            (base / name / BALLAST).unlink()
        (base / REPORT).unlink()
        _mount(base, shutil.disk_usage(base).used + SMALL // 4, "remount,")  # room for a log
        met |= _what_was_full(study)
        _mount(base, ENOUGH, "remount,")
        different = bytes_different(study, undisturbed) if not _what_was_full(study) else -1
    tried = len(FOLDERS) + 1
    print(f"  never full: {sorted({*FOLDERS, REPORT} - met)}", file=sys.stderr)
    return Row("the disk is full (tmpfs)", tried, 0 if different else len(met), different)


def _what_was_full(study: Path) -> set[str]:
    """The folders, or the report, that one run found full, each in a message; none if it ended."""
    status, printed = run(study, resuming())
    messages = [line for line in printed.splitlines() if line.startswith("error: ")]
    print(f"  {messages}", file=sys.stderr)
    named = [
        re.match(r"error: Cannot write (?:the folder )?results/([\w.-]+)", m) for m in messages
    ]
    assert bool(status) == bool(messages), printed
    assert all(named), printed
    assert all("No space left on device. Free some space" in line for line in messages), printed
    assert not any("partial" in name for name in results(study)), printed
    return {found[1] for found in named if found}


def _fill_up(folder: Path) -> None:
    """Leave no byte in a small file system."""
    with (folder / BALLAST).open("wb", buffering=0) as stream:
        for size in (4096, 1):
            try:
                while True:
                    stream.write(b"0" * size)
            except OSError:
                pass


def _mount(folder: Path, size: int, how: str = "") -> None:
    folder.mkdir(exist_ok=True)
    options = f"{how}size={size}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=True)
