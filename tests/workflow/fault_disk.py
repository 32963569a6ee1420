"""A full disk: the results on a small file system in memory (tmpfs), enlarged when it was full."""

import shutil
import subprocess
import sys
from pathlib import Path

from fault_study import Row, bytes_different, new_study, results, resuming, run

TARGETS = (("datasets",), ("models",), ("scores",), ())  # the named targets, and the whole study
TOO_LITTLE = 64 * 1024  # bytes
ENOUGH = 256 * 1024**2


def fill(folder: Path, undisturbed: Path) -> Row:
    """Let a study meet a full disk at several of its stages; for root, who may mount a tmpfs.

    Each time it has to fail with a message that names the file and the cure, and to leave no file
    half written; then the disk is enlarged and the same command run again.
    """
    study = new_study(folder)
    mount = study / "results"
    mount.mkdir()
    _mount(mount, ENOUGH)
    reported = 0
    try:
        for targets in TARGETS:
            _mount(mount, shutil.disk_usage(mount).used + TOO_LITTLE, "remount,")
            status, printed = run(study, resuming(*targets))
            messages = [line for line in printed.splitlines() if line.startswith("error: ")]
            print(f"  {targets}: {messages}", file=sys.stderr)
            named = messages and all(
                "Cannot write" in line and " results/" in line and "Free some space" in line
                for line in messages
            )
            half_written = any("partial" in name for name in results(study))
            reported += bool(status and named and not half_written)
            _mount(mount, ENOUGH, "remount,")
            status, printed = run(study, resuming(*targets))
            assert status == 0, printed
        different = bytes_different(study, undisturbed)
    finally:
        subprocess.run(["umount", "--lazy", mount], check=True)
    return Row("the disk is full (tmpfs)", len(TARGETS), 0 if different else reported, different)


def _mount(folder: Path, size: int, how: str = "") -> None:
    options = f"{how}size={size}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
