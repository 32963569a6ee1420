"""A small file of weights that comes with a package: a trained trunk in half precision.

Such a file is named ``package:PACKAGE/PATH`` in a config. It keeps the description of the model
that it comes from: training keys, seed, and the digests of code and data.
"""

from pathlib import Path

from pipeline.artefacts.weights import describes_model, read_own_weights, write_weights
from pipeline.runtime.cli import main, parser
from pipeline.runtime.errors import UserError

TRUNK = "trunk."  # of the names of a model's tensors


def ship(weights: Path, out: Path, made_by: str) -> None:
    """Write the trunk of a model, its numbers as float16, without the heads.

    Args:
        weights: file of a model that a study trained.
        out: the file to write.
        made_by: config and commit, for ``provenance``.

    Raises:
        UserError: ``weights`` is missing, damaged, or of no study.
    """
    if weights.is_file() and not describes_model(weights):
        raise UserError(f"{weights} is not a weights file of a study. Give one.")
    state, about = read_own_weights(weights)
    trunk = {
        name: value.half() if value.is_floating_point() else value
        for name, value in state.items()
        if name.startswith(TRUNK)
    }
    about["provenance"] = {**about["provenance"], "made_by": made_by}
    write_weights(out, trunk, about)


def run(argv: list[str]) -> None:
    """Command line."""
    arguments = parser("pipeline.models.shipping", "Write a trained trunk as a file to ship.")
    arguments.add_argument("weights", type=Path, help="weights.safetensors of a trained model")
    arguments.add_argument("--made-by", required=True, help="config and commit that trained it")
    arguments.add_argument("--out", type=Path, required=True, help="file in a package")
    given = arguments.parse_args(argv)
    ship(given.weights, given.out, given.made_by)


if __name__ == "__main__":
    main(run)
