"""What Snakemake itself records of a study: its jobs, which of them are due, and what runs now."""

import base64
import re
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline.command.workflow import for_snakemake, snakemake
from pipeline.runtime.errors import UserError

_RULE = re.compile(r"(?:local)?rule (\w+):")
_KEY = re.compile(r"    (output|reason): (.*)")


@dataclass(frozen=True)
class Job:
    """A job of the study.

    Attributes:
        rule: its name.
        outputs: files that it makes.
        reason: why it is due, in Snakemake's words.
    """

    rule: str
    outputs: tuple[str, ...]
    reason: str

    @property
    def is_new(self) -> bool:
        """Whether an output is missing; else it is there, but out of date."""
        return self.reason.startswith("Missing output files")


def jobs(options: Sequence[str]) -> tuple[list[Job], list[Job]]:
    """All jobs of the study, and those of them that are due. Two dry runs; nothing is changed.

    Args:
        options: Snakemake's, such as ``--configfile FILE``.

    Raises:
        UserError: Snakemake cannot plan the study; its own message is passed on.
    """
    with ThreadPoolExecutor(2) as pool:
        everything, due = pool.map(_planned, ([*options, "--forceall"], options))
    return everything, due


def _planned(options: Sequence[str]) -> list[Job]:
    # no lock: a run that goes on keeps its own, and a dry run needs none
    command = [snakemake(), *for_snakemake(options), "--dry-run", "--nolock", "--rerun-incomplete"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise UserError(f"Snakemake cannot plan this study:\n{done.stdout.strip()}")
    return list(parse(done.stdout))


def parse(printed: str) -> Iterator[Job]:
    """The jobs that a dry run prints, but for those that make no file (named targets)."""
    rule = ""
    keys: dict[str, str] = {}
    for line in [*printed.splitlines(), "rule end:"]:
        if found := _RULE.fullmatch(line):
            if "output" in keys:
                yield Job(rule, tuple(keys["output"].split(", ")), keys.get("reason", ""))
            rule, keys = found[1], {}
        elif rule and (found := _KEY.fullmatch(line)):
            keys[found[1]] = found[2]


def started(folder: Path) -> set[str]:
    """Outputs whose job was started and has not ended: it runs, or it was killed."""
    root = folder / ".snakemake" / "incomplete"
    found = set()
    for path in root.rglob("*"):
        if path.is_file():
            # the name in base64, in parts that begin with @ where it is too long for one file
            encoded = "".join(part.removeprefix("@") for part in path.relative_to(root).parts)
            try:
                found.add(base64.urlsafe_b64decode(encoded).decode())
            except ValueError:
                continue  # a temporary file of Snakemake's own
    return found


def is_locked(folder: Path) -> bool:
    """Whether a run holds the folder, or was killed while it did."""
    locks = folder / ".snakemake" / "locks"
    return locks.is_dir() and any(locks.iterdir())


def runs_in(folder: Path) -> list[int]:
    """Process ids of the Snakemake processes in a folder; none where there is no /proc."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            here = (process / "cwd").readlink() == folder.resolve()
            command = (process / "cmdline").read_text().split("\0")[:3]
        except OSError:
            continue  # it has ended, or is another user's
        if here and any(Path(part).name == "snakemake" for part in command):
            found.append(int(process.name))
    return sorted(found)
