"""Command line of the trackers: a finished study's results -> one tracker, and a receipt."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from pipeline.artefacts.files import write_json
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.settings import Trackers
from pipeline.tracking import to_mlflow, to_wandb
from pipeline.tracking.results import Push, gather

log = logging.getLogger(__name__)

TRACKERS: Mapping[str, Push] = {"mlflow": to_mlflow.push, "wandb": to_wandb.push}


def run(argv: list[str]) -> None:
    """Send the results to one tracker."""
    arguments = parser("pipeline.tracking", "Send a study's results to an experiment tracker.")
    add_section(arguments, Trackers)
    arguments.add_argument("--tracker", choices=list(TRACKERS), required=True)
    arguments.add_argument("--study", required=True, help="the whole config, JSON")
    arguments.add_argument("--results", type=Path, required=True, help="the results folder")
    arguments.add_argument("--scores", type=Path, nargs="+", required=True, help="score files")
    arguments.add_argument(
        "--files", type=Path, nargs="+", required=True, help="report, tables and figures"
    )
    arguments.add_argument("--out", type=Path, required=True, help="JSON: what finds them again")
    given = arguments.parse_args(argv)
    section = getattr(read_section(given.section, Trackers), given.tracker)
    results = gather(json.loads(given.study), given.scores, given.files, given.results)
    receipt = TRACKERS[given.tracker](results, section, given.out.parent)
    write_json(given.out, receipt)
    log.info("%s: %s", given.tracker, ", ".join(f"{key} {value}" for key, value in receipt.items()))


if __name__ == "__main__":
    main(run)
