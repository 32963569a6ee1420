"""A full disk: the results on a small file system in memory, enlarged when it was full."""

import subprocess
from pathlib import Path

from fault_study import Row, bytes_different, new_study, results, resuming, run

SIZES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9)  # of what the undisturbed study needs


def fill(folder: Path, undisturbed: Path) -> Row:
    """Let a study meet a full disk several times; root only, as it mounts a tmpfs.

    Each time it has to fail with a message that names the file and the cure, and leave no file
    half written. The disk is then enlarged, and at last large enough.
    """
    study = new_study(folder)
    mount = study / "results"
    mount.mkdir()
    needed = sum(path.stat().st_size for path in (undisturbed / "results").rglob("*"))
    told = 0
    _mount(mount, needed)
    try:
        for size in SIZES:
            _mount(mount, int(size * needed), "remount,")
            status, printed = run(study, resuming())
            (study / f"printed_{size}.txt").write_text(printed)
            named = "Cannot write" in printed and "Free some space" in printed
            half_written = any("partial" in path for path in results(study))
            told += status != 0 and named and not half_written
        _mount(mount, 4 * needed, "remount,")
        status, printed = run(study, resuming())
        assert status == 0, printed
        different = bytes_different(study, undisturbed)
    finally:
        subprocess.run(["umount", "--lazy", mount], check=True)
    return Row("the disk is full (tmpfs)", len(SIZES), told if different == 0 else 0, different)


def _mount(folder: Path, size: int, how: str = "") -> None:
    options = f"{how}size={size}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
