"""What a job of the stage reads, checked to belong together."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.artefacts.shards import Shards, open_shards
from pipeline.artefacts.targets import target_classes
from pipeline.attribution.plan import Plan
from pipeline.runtime.errors import UserError

Supersets = Mapping[int, Sequence[int]]


@dataclass(frozen=True)
class Inputs:
    """The files of a job.

    Attributes:
        weights: weights.safetensors of the model; None for maps that belong to no model.
        shards: manifest.json of a split.
        records: the split's records.
        pairs: pairs.csv: also maps of the other class of each pair.
        supersets: supersets.json, for superset methods.
    """

    weights: Path | None
    shards: Path
    records: Path
    pairs: Path | None = None
    supersets: Path | None = None


def add_inputs(arguments: ArgumentParser) -> None:
    """Add ``--weights``, ``--shards``, ``--records``, ``--pairs`` and ``--batch-size``."""
    arguments.add_argument(
        "--weights",
        type=Path,
        nargs="?",  # an empty value is the same as none
        help="weights.safetensors; none only for maps of your own that belong to no model",
    )
    arguments.add_argument("--shards", type=Path, required=True, help="manifest.json of a split")
    arguments.add_argument("--records", type=Path, required=True, help="the split's records")
    arguments.add_argument(
        "--pairs",
        type=Path,
        nargs="?",  # an empty value, where the data set has no pairs, is the same as none
        help="pairs.csv: also maps of the other class of each pair",
    )
    arguments.add_argument("--batch-size", type=int, default=64, help="images per forward pass")


def inputs_from(arguments: Namespace, supersets: Path | None = None) -> Inputs:
    """The files that a command line with the arguments of :func:`add_inputs` names."""
    return Inputs(
        arguments.weights, arguments.shards, arguments.records, arguments.pairs, supersets
    )


def read_images(shards: Path, records: pd.DataFrame, rows: np.ndarray | None = None) -> Shards:
    """The images of a split, or those in its ``rows``, checked against the records.

    Raises:
        UserError: the shards cannot be read, or hold other images.
    """
    images = open_shards(shards, rows)
    expected = records["image_id"] if rows is None else records["image_id"].iloc[rows]
    if images.image_ids != expected.to_list():
        raise UserError(
            f"{shards} does not hold the images of the records in their order. "
            "Delete it and run the shards stage again."
        )
    return images


def check_classes(plan: Plan, supersets: Supersets, classes: int, weights: Path) -> None:
    """Raise UserError if a target names a class that the model of ``weights`` does not have."""
    targets = dict.fromkeys(target for _, target in plan.rows())
    labels = [-1, *(label for each in targets for label in target_classes(each, supersets))]
    if max(labels) >= classes:
        raise UserError(
            f"The model of {weights} has {classes} classes, but a map of class label "
            f"{max(labels)} is asked for. The weights, records, pairs and supersets must belong to "
            "the same data set."
        )
