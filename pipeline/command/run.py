"""``calm run``: Snakemake, with the command shown first."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

from pipeline.command.workflow import check_folder, snakemake

DESCRIPTION = """\
Run the study, or resume it.

Prints the Snakemake command and becomes it: all options are Snakemake's own (snakemake --help).
Unless you say otherwise it uses all cores. Finished, unchanged outputs are not made again."""

EXAMPLES = """\
  calm run                                      the default study
  calm run --configfile config/cub.yaml         another study
  calm run --configfile config/cub.yaml -n      what would be done, and why (dry run)
  calm run --cores 4 --resources gpu=1          four cores, one GPU
  calm run models                               stop after training; also: datasets, scores
  calm run --workflow-profile profiles/slurm    on a cluster
  calm run --logger rich                        bars of progress (pip install -e .[progress])"""

_CORES = ("--cores", "-c", "--jobs", "-j", "--profile", "--workflow-profile", "--executor", "-e")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own: all options go on to Snakemake."""
    parser.usage = "calm run [-h] [Snakemake's options and targets ...]"


def run(given: argparse.Namespace, options: Sequence[str]) -> None:
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
    return [snakemake(), *([] if said else ["--cores", "all"]), *options]
