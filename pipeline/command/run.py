"""``calm run``: Snakemake, with the command shown first."""

import os
import shlex
import sys
from collections.abc import Sequence

from pipeline.command.workflow import check_folder, for_snakemake, snakemake

_CORES = ("--cores", "-c", "--jobs", "-j", "--profile", "--workflow-profile", "--executor", "-e")


def run(options: Sequence[str]) -> None:
    """Replace this process by Snakemake.

    Raises:
        UserError: there is no workflow here, or no Snakemake.
    """
    check_folder(options)
    command = command_of(options)
    print(shlex.join(command), file=sys.stderr, flush=True)
    os.execv(command[0], command)


def command_of(options: Sequence[str]) -> list[str]:
    """Snakemake's command line: the options, on all cores where they do not say how many."""
    said = any(
        option.partition("=")[0] in _CORES or option[:2] in ("-c", "-j") for option in options
    )
    return [snakemake(), *([] if said else ["--cores", "all"]), *for_snakemake(options)]
