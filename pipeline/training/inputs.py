"""The files that a training reads and the folders it keeps, and their command-line arguments."""

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Inputs:
    """Files and folders of one training.

    Attributes:
        classes: classes.csv of the data set.
        checkpoints: folder for resuming, shared by all trainings.
        train_shards: manifest.json of the training split; not read for 0 epochs.
        val_shards: manifest.json of the validation split; not read for 0 epochs.
        init_weights: file behind the trunk's ``weights``, where they are a file.
        attributes: the class attribute table, for pretraining on attributes.
        tensorboard: folder for TensorBoard's event files; none: they are not written.
    """

    classes: Path
    checkpoints: Path
    train_shards: Path | None = None
    val_shards: Path | None = None
    init_weights: Path | None = None
    attributes: Path | None = None
    tensorboard: Path | None = None


def add_inputs(arguments: argparse.ArgumentParser) -> None:
    """Add the arguments of :func:`inputs_from`."""
    for split in ("train", "val"):
        arguments.add_argument(
            f"--{split}-shards", type=Path, nargs="?", help="manifest.json; not read for 0 epochs"
        )
    arguments.add_argument("--classes", type=Path, required=True, help="classes.csv")
    arguments.add_argument(
        "--init-weights", type=Path, nargs="?", help="file behind the trunk's `weights`"
    )
    arguments.add_argument("--attributes", type=Path, help="class attributes, for pretraining")
    arguments.add_argument("--checkpoints", type=Path, required=True, help="folder for resuming")
    arguments.add_argument(
        "--tensorboard", type=Path, nargs="?", help="folder for TensorBoard's event files"
    )


def inputs_from(arguments: argparse.Namespace) -> Inputs:
    """The files and folders that a command line names."""
    return Inputs(
        classes=arguments.classes,
        checkpoints=arguments.checkpoints,
        train_shards=arguments.train_shards,
        val_shards=arguments.val_shards,
        init_weights=arguments.init_weights,
        attributes=arguments.attributes,
        tensorboard=arguments.tensorboard,
    )
