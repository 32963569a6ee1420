"""Why a job failed, from its log: the one message of a `UserError`, else the end of the log."""

import re
from collections.abc import Sequence
from pathlib import Path

_LAST = 12  # lines of a log without a message
_STATUS = re.compile(r"returned non-zero exit status (\d+)|died with <Signals\.(\w+)")
_KILLED = ("137", "SIGKILL")
# what Snakemake writes around a message of the workflow itself
_WHERE = re.compile(r'\A\w+ in file ".*", line \d+:\n|^  File ".*", line \d+, in .*$\n?', re.M)


def reason(logs: Sequence[str], exception: str = "") -> str:
    """What the log says is wrong, with how the process ended where it says nothing.

    Args:
        logs: files of the job; the first is its own.
        exception: Snakemake's message about the job.
    """
    try:
        lines = Path(logs[0]).read_text(errors="replace").splitlines()
    except (OSError, IndexError):
        lines = []
    starts = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    if starts:
        return "\n".join(lines[starts[-1] :]).rstrip()
    how = _ending(exception)
    end = lines[-_LAST:]
    if not end:
        return f"{how} It wrote nothing."
    return "\n".join([f"{how} The end of its log:", *(f"  {line}" for line in end)])


def _ending(exception: str) -> str:
    found = _STATUS.search(exception)
    if not found:
        return "It ended without a message."
    status = found[1] or found[2]
    killed = ", killed, often for lack of memory" if status in _KILLED else ""
    return f"Its process ended with {'exit status ' if found[1] else ''}{status}{killed}."


def of_the_workflow(text: str) -> str:
    """A message that the workflow raises for the user, without the places in the Snakefile."""
    return _WHERE.sub("", text).strip()
