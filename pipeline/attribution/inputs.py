"""What a job of the stage reads, checked to belong together."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipeline.attribution.plan import Plan, target_classes
from pipeline.datasets.records import read_records
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.loading import Shards, open_shards

Supersets = Mapping[int, Sequence[int]]


def add_inputs(arguments: ArgumentParser) -> None:
    """Add ``--weights``, ``--shards``, ``--records``, ``--pairs`` and ``--batch-size``."""
    arguments.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    arguments.add_argument("--shards", type=Path, required=True, help="manifest.json of a split")
    arguments.add_argument("--records", type=Path, required=True, help="the split's records")
    arguments.add_argument(
        "--pairs",
        type=Path,
        nargs="?",  # an empty value, where the data set has no pairs, is the same as none
        help="pairs.csv: also maps of the other class of each pair",
    )
    arguments.add_argument("--batch-size", type=int, default=64, help="images a forward pass")


def read_images(shards: Path, records: Path) -> tuple[Shards, pd.DataFrame]:
    """The images of a split and their records, in the same order.

    Raises:
        UserError: a file cannot be read, or they hold different images.
    """
    table = read_records(records)
    images = open_shards(shards)
    if images.image_ids != table["image_id"].to_list():
        raise UserError(
            f"{shards} does not hold the images of {records} in their order. "
            "Delete it and run the shards stage again."
        )
    return images, table


def read_pairs(path: Path | None) -> list[tuple[int, int]] | None:
    """The class pairs of pairs.csv, as labels; None where there is no such file.

    Raises:
        UserError: the file cannot be read.
    """
    if path is None:
        return None
    try:
        table = pd.read_csv(path, usecols=["label_a", "label_b"])
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no table of pairs ({error}). Run the cues stage.") from error
    return list(table.itertuples(index=False, name=None))


def read_supersets(path: Path | None) -> Supersets:
    """Label -> labels of its superset.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    if path is None:
        raise UserError("This method needs --supersets, which the supersets stage writes.")
    try:
        return {int(label): members for label, members in read_json(path)["supersets"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is no supersets.json ({error!r}). Delete it and run again."
        ) from error


def check_classes(plan: Plan, supersets: Supersets, classes: int, weights: Path) -> None:
    """Raise UserError if a target names a class that the model of ``weights`` does not know."""
    targets = dict.fromkeys(target for _, target in plan.rows())
    largest = max(max(target_classes(each, supersets), default=-1) for each in targets)
    if largest >= classes:
        raise UserError(
            f"{weights} knows {classes} classes, but a map of class label {largest} is asked "
            "for. The weights, records, pairs and supersets must belong to the same data set."
        )
