"""``calm status``: the progress of a study, stage by stage."""

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.command import records
from pipeline.command.records import Job
from pipeline.command.workflow import check_folder

_STAGE = re.compile(r"^(?:use rule \w+ as|rule) (\w+)", re.MULTILINE)
_INCLUDE = re.compile(r'^include: "(.+)"', re.MULTILINE)
_SHOWN = 10  # running jobs

STATES = ("done", "running", "to do", "to redo")


def run(options: Sequence[str], directory: Path | None = None) -> None:
    """Print the status.

    Args:
        options: Snakemake's.
        directory: where the study is; None: here.

    Raises:
        UserError: there is no workflow here, or Snakemake cannot plan it.
    """
    folder = directory or Path()
    if directory:
        options = ["--directory", str(directory), *options]
    check_folder(options)
    pids, locked = records.runs_in(folder), records.is_locked(folder)
    everything, due = records.jobs(options)
    started = records.started(folder)
    console = Console()
    console.print(_table(everything, due, started, stages(Path()), locked=locked))
    reports = [output for job in everything if job.rule == "report" for output in job.outputs]
    said = _state(options, reports, due, pids, locked=locked)
    console.print(said, highlight=False, soft_wrap=True, markup=False)
    running = [job for job in due if _has_started(job, started)]
    if running:
        console.print("Running now:" if locked else "Begun, then interrupted:")
        for job in running[:_SHOWN]:
            console.print(f"  {job.rule}: {job.outputs[0]}", highlight=False, soft_wrap=True)
        if len(running) > _SHOWN:
            console.print(f"  and {len(running) - _SHOWN} more")


def stages(checkout: Path) -> dict[str, str]:
    """Rule -> stage, the file that it stands in, in the order of the Snakefile."""
    workflow = checkout / "workflow"
    snakefile = workflow / "Snakefile"
    included = _INCLUDE.findall(snakefile.read_text()) if snakefile.is_file() else []
    return {
        rule: Path(name).stem
        for name in included
        for rule in _STAGE.findall((workflow / name).read_text())
    }


def counts(
    everything: Sequence[Job], due: Sequence[Job], started: set[str], *, locked: bool
) -> dict[str, Counter[str]]:
    """Rule -> state, one of `STATES` -> number of jobs."""
    found: dict[str, Counter[str]] = {}
    for job in everything:
        found.setdefault(job.rule, Counter())["done"] += 1
    for job in due:
        state = "to do" if job.is_new else "to redo"
        if locked and _has_started(job, started):
            state = "running"
        found[job.rule][state] += 1
        found[job.rule]["done"] -= 1
    return found


def _has_started(job: Job, started: set[str]) -> bool:
    return not started.isdisjoint(job.outputs)


def _table(
    everything: Sequence[Job],
    due: Sequence[Job],
    started: set[str],
    stage_of: dict[str, str],
    *,
    locked: bool,
) -> Table:
    """One line per stage, in the order of the workflow, and their sums."""
    by_stage: dict[str, Counter[str]] = {stage: Counter() for stage in stage_of.values()}
    for rule, states in counts(everything, due, started, locked=locked).items():
        by_stage.setdefault(stage_of.get(rule, rule), Counter()).update(states)
    by_stage = {stage: states for stage, states in by_stage.items() if states}
    table = Table(box=box.SIMPLE_HEAD, show_footer=True)
    total: Counter[str] = sum(by_stage.values(), Counter())
    table.add_column("stage", footer="all")
    for state in STATES:
        table.add_column(state, justify="right", footer=str(total[state]))
    table.add_column("jobs", justify="right", footer=str(total.total()))
    for stage, states in by_stage.items():
        cells = [str(states[state] or "") for state in STATES]
        table.add_row(stage, *cells, str(states.total()))
    return table


def _state(
    options: Sequence[str],
    reports: Sequence[str],
    due: Sequence[Job],
    pids: Sequence[int],
    *,
    locked: bool,
) -> str:
    """What goes on, and what to type next, with the options of this study."""
    again = shlex.join(["calm", "run", *options])
    if locked and pids:
        return f"A run is in progress (process {', '.join(map(str, pids))})."
    if locked:
        return (
            "The folder is locked, but no Snakemake runs in it on this machine: the run is on "
            f"another one, or it was killed. If it was killed: {again} --unlock && {again}"
        )
    if due:
        return f"Nothing is running. To continue: {again}"
    return " ".join(["All is done.", *(f"See {report}." for report in reports)])
