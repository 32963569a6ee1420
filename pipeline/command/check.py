"""``calm check``: the data doctor."""

import argparse
import os

DESCRIPTION = """\
Check a study's data sets and weights before anything runs.

Reads every list and decodes every image that the config names, and writes nothing. What is
missing comes with where to get it and what the folder should look like."""

EXAMPLES = """\
  calm check                      the default study (draws its own images: nothing to fetch)
  calm check config/cub.yaml      CUB-200-2011 and the weights that its models start from"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own."""
    parser.add_argument(
        "config",
        nargs="?",
        default="config/config.yaml",
        help="config of the study (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        help="decoding threads (default: one a core)",
    )


def run(given: argparse.Namespace) -> None:
    """Print what was found.

    Raises:
        UserError: the config is wrong, or something that it names cannot be used.
    """
    from pipeline.datasets.__main__ import check_study

    check_study(given.config, given.workers)
    print(f"{given.config}: all of it can be used. Next: calm run --configfile {given.config}")
