"""A tiny study to be harmed: started, resumed, and compared with one that nobody disturbed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from workflow_run import copy_checkout, edit_config

CLOCKS = ("history.csv", "metrics.json", "report.html")  # they say how long something took
CORES = os.environ.get("STUDY_CORES", "2")  # of each study
NO_RESULTS = ("logs/", "benchmarks/", "checkpoints/")


def making(*targets: str) -> str:
    """The command line that makes targets; the whole study, if none are given."""
    return " ".join(["snakemake", *targets, f"--cores {CORES} --configfile tiny.yaml"])


def resuming(*targets: str) -> str:
    """The one line that goes on after any interruption."""
    return f"snakemake --unlock --configfile tiny.yaml && {making(*targets)}"


class Row(NamedTuple):
    """A row of the fault table."""

    fault: str
    tried: int
    recovered: int
    bytes_different: int


def new_study(folder: Path) -> Path:
    """A checkout in which nothing ran yet; models train long enough to have checkpoints."""
    shutil.rmtree(folder, ignore_errors=True)
    copy_checkout(folder)
    edit_config(folder, training__epochs=3)
    return folder


def start(folder: Path, command: str) -> subprocess.Popen:
    """Start a command line in the study, as a session of its own; it prints to printed.txt."""
    # What a script starts in its background ignores SIGINT, and so would the study.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = {**os.environ, "PYTHONPATH": ""}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    with (folder / "printed.txt").open("w") as printed:
        return subprocess.Popen(
            # not the last command, which bash would become: Snakemake stays its child
            ["bash", "-c", f"{command}; exit $?"],
            cwd=folder,
            env=environment,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def run(folder: Path, command: str) -> tuple[int, str]:
    """Run a command line in the study to its end; its exit status, and all that it prints."""
    status = start(folder, command).wait()
    return status, (folder / "printed.txt").read_text()


def finish(folder: Path, *targets: str) -> None:
    """Resume the study, or what makes some of its results, and let it come to its end."""
    status, printed = run(folder, resuming(*targets))
    assert status == 0, printed


def results(folder: Path) -> dict[str, Path]:
    """The files that every run of a study leaves: name -> path."""
    base = folder / "results"
    found = {path.relative_to(base).as_posix(): path for path in base.rglob("*") if path.is_file()}
    return {
        name: path
        for name, path in found.items()
        if not name.startswith(NO_RESULTS) and path.suffix != ".damaged"  # moved aside, never read
    }


def bytes_different(folder: Path, undisturbed: Path) -> int:
    """Bytes in which the results of two studies differ; a file that one lacks counts as a whole.

    Of files that record times it asks only that both studies have them, and not as empty ones.
    """
    both = results(folder), results(undisturbed)
    total = 0
    for name in sorted(both[0].keys() | both[1].keys()):
        sizes = [files[name].stat().st_size if name in files else 0 for files in both]
        if Path(name).name in CLOCKS and all(sizes):
            continue
        one, other = (files[name].read_bytes() if name in files else b"" for files in both)
        if one != other:
            differing = sum(a != b for a, b in zip(one, other, strict=False))
            differing += abs(len(one) - len(other))
            print(f"  {folder.name}: {name} differs in {differing} bytes", file=sys.stderr)
            total += differing
    return total
