"""A checkout that nobody can write to, used by a user without a home: a shared installation."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fault_study import CORES, Row, bytes_different, new_study

OTHER = 65534  # nobody


def read_only(folder: Path, undisturbed: Path) -> Row:
    """Run the study from a read-only checkout in a folder elsewhere; for root, who may mount."""
    checkout = new_study(folder / "checkout")
    work = folder / "work"
    work.mkdir()
    with locked(checkout):
        status, printed = run_from(checkout, work)
    print(printed[-2000:] if status else "", file=sys.stderr)
    different = bytes_different(work, undisturbed)
    mended = status == 0 and different == 0
    return Row("read-only checkout, no HOME", 1, int(mended), different)


@contextmanager
def locked(checkout: Path) -> Iterator[None]:
    """A folder as a read-only mount, which stops root, too."""
    subprocess.run(["mount", "--bind", checkout, checkout], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", checkout], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", checkout], check=True)


def run_from(checkout: Path, work: Path, *targets: str) -> tuple[int, str]:
    """Run Snakemake in ``work``, without a home; its exit status, and what it printed.

    Snakemake itself keeps a cache in the user's; XDG_CACHE_HOME gives it another place, as its
    documentation says.
    """
    temporary = work / "temporary"
    temporary.mkdir(exist_ok=True)
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", checkout / "Snakefile"),
        *("--configfile", checkout / "tiny.yaml", "--cores", CORES, *targets),
    ]
    place = {"HOME": "/nonexistent", "XDG_CACHE_HOME": str(work / "cache")}
    place |= {"TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}
    done = subprocess.run(
        command, cwd=work, env={**os.environ, **place}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout
