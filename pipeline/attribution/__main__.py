"""Command line of the stage: one model, one or more methods -> one file of maps for each method.

All methods of a job share one forward pass of each image.

With ``--chunk`` the files hold one part of the split; `pipeline.attribution.join` joins the parts.
"""

from pathlib import Path

from pipeline.attribution.inputs import add_inputs, inputs_from
from pipeline.attribution.writing import write_maps
from pipeline.runtime import cli
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import add_machine, machine_from
from pipeline.settings import Attribution, MethodOptions


def run(argv: list[str]) -> None:
    """Command line of the stage."""
    arguments = cli.parser("pipeline.attribution", "Compute and store attribution maps of a model.")
    cli.add_section(arguments, Attribution)
    arguments.add_argument(
        "--method", nargs="+", required=True, help="attribution methods of one model, e.g. joint"
    )
    add_inputs(arguments)
    arguments.add_argument(
        "--supersets",
        type=Path,
        nargs="?",  # an empty value, for methods that need none, is the same as none
        help="supersets.json, for superset methods",
    )
    arguments.add_argument(
        "--chunk",
        type=int,
        nargs=2,
        default=(0, 1),
        metavar=("NUMBER", "CHUNKS"),
        help="compute one chunk of the split alone, numbered from 0 (default: 0 1, all of it)",
    )
    arguments.add_argument(
        "--out", type=Path, nargs="+", required=True, help="HDF5 files to write, one per method"
    )
    add_machine(arguments)
    given = arguments.parse_args(argv)
    options = cli.read_section(given.section, MethodOptions)
    if len(given.method) != len(given.out):
        raise UserError("--out: give one file for each --method.")
    write_maps(
        dict(zip(given.method, given.out, strict=True)),
        inputs_from(given, given.supersets),
        options,
        machine_from(given),
        batch_size=given.batch_size,
        chunk=tuple(given.chunk),
    )


if __name__ == "__main__":
    cli.main(run)
