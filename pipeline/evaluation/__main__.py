"""Measure a model, most often by the maps of one method, with one evaluation of the catalogue."""

import argparse
import logging
from pathlib import Path

from pipeline.artefacts.scores import parse_identity, provenance
from pipeline.catalogue.evaluations import BASES, EVALUATIONS
from pipeline.evaluation.measuring import Inputs, asks_model, evaluation_module, of_maps
from pipeline.evaluation.result import write_result
from pipeline.images.geometry import RESIZES
from pipeline.runtime import cli
from pipeline.runtime.machine import add_machine, machine_from
from pipeline.settings import MapEvaluation, MethodOptions
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
    options = cli.read_section(given.options, MethodOptions)
    identity = parse_identity(given.identity)
    inputs = Inputs(
        given.weights,
        given.shards,
        given.records,
        maps=given.maps,
        base=given.base,
        pairs=given.pairs,
        fixations=given.fixations,
        resize=given.resize,
    )
    method = identity["method"]
    if asks_model(given.name):
        from pipeline.evaluation.measuring_models import of_model  # late: it imports PyTorch

        machine = machine_from(given)
        result = of_model(given.name, section, inputs, machine, method=method, options=options)
    else:
        result = of_maps(given.name, section, inputs, method=method)
    write_result(
        given.out,
        result,
        task=given.name,
        identity=identity,
        provenance=provenance(section, inputs.files()),
    )
    log.info("%s: %s", given.out, {name: round(v, 4) for name, v in result.values.items()})


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    """With the description of the evaluation that ``argv`` begins with, if it does."""
    about = evaluation_module(argv[0]).__doc__ if argv and argv[0] in NAMES else __doc__
    arguments = cli.parser("pipeline.evaluation", (about or "").splitlines()[0])
    arguments.add_argument("name", choices=NAMES, help="the evaluation")
    cli.add_section(arguments, MapEvaluation)
    arguments.add_argument(
        "--options", default="{}", metavar="JSON", help="options of the attribution method"
    )
    arguments.add_argument(
        "--weights",
        type=Path,
        nargs="?",
        help="weights.safetensors; not opened by evaluations of maps",
    )
    arguments.add_argument("--shards", type=Path, required=True, help="manifest.json of a split")
    arguments.add_argument("--records", type=Path, required=True, help="the split's records")
    arguments.add_argument("--maps", type=Path, nargs="?", help="attribution maps, .h5")
    arguments.add_argument("--base", type=Path, nargs="?", help="score of the model without maps")
    arguments.add_argument("--pairs", type=Path, nargs="?", help="class pairs, .csv")
    arguments.add_argument(
        "--fixations", type=Path, nargs="?", help="where people looked in the images, .parquet"
    )
    arguments.add_argument(
        "--resize", choices=RESIZES, default="square", help="images.resize of the shards"
    )
    arguments.add_argument("--identity", required=True, metavar="JSON", help="what is measured")
    arguments.add_argument("--out", type=Path, required=True, help="score file to write, .json")
    add_machine(arguments)
    return arguments


if __name__ == "__main__":
    cli.main(run)
