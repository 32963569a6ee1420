"""Measure a model, most often by the maps of one method, with one evaluation of the catalogue.

The module of the evaluation is imported by its name in the catalogue, so that an edit in one
evaluation reruns its own jobs alone.
"""

import argparse
import importlib
import logging
from pathlib import Path
from types import ModuleType

import torch

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.records import read_records
from pipeline.artefacts.scores import (
    parse_identity,
    per_image_path,
    provenance,
    write_arrays,
    write_score,
)
from pipeline.artefacts.shards import open_shards
from pipeline.catalogue.evaluations import BASES, EVALUATIONS, code_of_evaluation
from pipeline.evaluation.subject import Result, Subject, spread
from pipeline.images.geometry import RESIZES
from pipeline.models import load_model
from pipeline.runtime import cli
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import add_machine, use_machine
from pipeline.settings import Attribution, MapEvaluation
from pipeline.settings.evaluation import section_of

NAMES = (*EVALUATIONS, *BASES)

log = logging.getLogger(__name__)


def run(argv: list[str]) -> None:
    """Command line: a model, its images and maps -> a score file and the results of each image.

    Raises:
        UserError: inputs are missing, broken or do not belong together.
    """
    given = _parser(argv).parse_args(argv)
    section = cli.read_section(given.section, section_of(BASES.get(given.name, given.name)))
    options = cli.read_section(given.options, Attribution)
    identity = parse_identity(given.identity)
    result = _measured(given, section, options, identity["method"])
    inputs = {
        name: path
        for name in ("weights", "shards", "records", "maps", "base")
        if (path := getattr(given, name))
    }
    write_arrays(per_image_path(given.out), result.arrays)
    write_score(
        given.out,
        task=given.name,
        identity=identity,
        values=result.values,
        intervals=result.intervals,
        details=result.details,
        provenance=provenance(section, inputs),
    )
    log.info("%s: %s", given.out, {name: round(v, 4) for name, v in result.values.items()})


def _module(name: str) -> ModuleType:
    return importlib.import_module(code_of_evaluation(name))


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    """With the description of the evaluation that ``argv`` begins with, if it does."""
    about = _module(argv[0]).__doc__ if argv and argv[0] in NAMES else __doc__
    arguments = cli.parser("pipeline.evaluation", (about or "").splitlines()[0])
    arguments.add_argument("name", choices=NAMES, help="the evaluation")
    cli.add_section(arguments, MapEvaluation)
    arguments.add_argument(
        "--options", default="{}", metavar="JSON", help="options of the attribution method"
    )
    arguments.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    arguments.add_argument("--shards", type=Path, required=True, help="manifest.json of a split")
    arguments.add_argument("--records", type=Path, required=True, help="the split's records")
    arguments.add_argument("--maps", type=Path, nargs="?", help="attribution maps, .h5")
    arguments.add_argument("--base", type=Path, nargs="?", help="score of the model without maps")
    arguments.add_argument(
        "--resize", choices=RESIZES, default="square", help="images.resize of the shards"
    )
    arguments.add_argument("--identity", required=True, metavar="JSON", help="what is measured")
    arguments.add_argument("--out", type=Path, required=True, help="score file to write, .json")
    add_machine(arguments)
    return arguments


def _measured(
    given: argparse.Namespace, section: MapEvaluation, options: Attribution, method: str
) -> Result:
    """The evaluation itself, on the files of the command line."""
    device = torch.device(use_machine(given))
    model = load_model(given.weights).requires_grad_(False)
    model.to(device).to(memory_format=torch.channels_last)
    records = spread(read_records(given.records), section.images)
    if records.empty:
        raise UserError(f"{given.records} has no images: there is nothing to measure.")
    store = MapStore.open(given.maps) if given.maps else None
    if store and store.kind == "counterfactual":
        raise UserError(f"{given.maps}: counterfactual maps explain no single class.")
    try:
        subject = Subject(
            model,
            method,
            options,
            open_shards(given.shards),
            records,
            store,
            device,
            resize=given.resize,
            base=given.base,
            workers=given.workers,
        )
        return _module(given.name).measure(subject, section)
    finally:
        if store:
            store.close()


if __name__ == "__main__":
    cli.main(run)
