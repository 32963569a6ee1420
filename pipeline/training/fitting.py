"""Stage 5: train one model (a data set, an architecture, a variant, a seed)."""

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.artefacts.classes import read_classes
from pipeline.artefacts.files import digest, sha256
from pipeline.artefacts.remote import RemoteShards
from pipeline.artefacts.searches import read_best_keys
from pipeline.artefacts.shards import Shards, open_shards, open_training
from pipeline.models.classifier import Classifier, build_classifier
from pipeline.runtime.codegraph import code_digest
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import Machine
from pipeline.runtime.memory import keep_freed_memory
from pipeline.settings import TrainJob
from pipeline.training import checkpoints, processes
from pipeline.training.constant import Constant, best_constant, log_odds, spread
from pipeline.training.events import Events
from pipeline.training.inputs import Inputs
from pipeline.training.loop import DivergedError, TrainingImages, train
from pipeline.training.precision import resolved
from pipeline.training.waiting import Watch

log = logging.getLogger(__name__)


def attribute_targets(attributes: Path, classes: pd.DataFrame) -> Tensor:
    """Binary attribute vectors of the classes, (classes, attributes) float: 50 % and more is 1."""
    try:
        table = np.loadtxt(attributes)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the class attributes {attributes}: {error}") from error
    return torch.tensor(table[classes.class_id.to_numpy() - 1] >= 50, dtype=torch.float32)


class Fitted(NamedTuple):
    """A trained model and its record.

    Attributes:
        model: on the device that it was trained on.
        history: one row per epoch; none for 0 epochs.
        constant: the best constant prediction on val; None without epochs or val images.
        provenance: digests of what decided the weights.
        checkpoint: folder to clear once the results are written.
    """

    model: Classifier
    history: list[dict[str, float]]
    constant: Constant | None
    provenance: dict[str, str]
    checkpoint: Path


def fit(job: TrainJob, inputs: Inputs, machine: Machine, per_class: int | None = None) -> Fitted:
    """Build a model and train it, or go on from its checkpoint.

    With several GPUs this returns, or raises DivergedError, in the process of rank 0 alone.

    Args:
        job: the model and its training keys.
        inputs: the files of the training.
        machine: what it runs on, from :func:`pipeline.runtime.machine.use_machine`.
        per_class: train on at most this many images of each class; on all if not given.

    Raises:
        DivergedError: the loss is not finite.
        UserError: an input is missing or broken.
    """
    classes = read_classes(inputs.classes)
    outputs = len(classes)
    table = None
    if job.training.method == "attributes":
        if inputs.attributes is None:
            raise UserError("method 'attributes' needs --attributes, the class attribute table.")
        table = attribute_targets(inputs.attributes, classes)
        outputs = table.shape[1]
    model = build_classifier(job, outputs, inputs.init_weights)
    model.to(memory_format=torch.channels_last)

    manifests: dict[str, Path] = {}  # of the splits, where anything is trained
    if job.training.epochs > 0:
        if inputs.train_shards is None or inputs.val_shards is None:
            raise UserError("give --train-shards and --val-shards, or set `epochs: 0`.")
        manifests = {"train": inputs.train_shards, "val": inputs.val_shards}
    provenance = {
        "config": digest(job.model_dump(mode="json")),
        "code": code_digest("pipeline.training", *job.training.code),
        "data": sha256(manifests["train"]) if manifests else "",
        "val_data": sha256(manifests["val"]) if manifests else "",
        "init_weights": sha256(inputs.init_weights) if inputs.init_weights else "",
    }
    if per_class:
        provenance["per_class"] = str(per_class)
    precision = resolved(job.training.precision, machine.device)
    if job.training.precision == "auto":
        provenance["precision"] = precision
    checkpoint = inputs.checkpoints / digest({**provenance, "threads": machine.threads})
    history, constant = [], None
    if manifests:
        keep_freed_memory()
        events = Events(inputs.tensorboard)
        watch = Watch(checkpoint)
        fabric = processes.start(machine, precision, watch)
        if job.training.precision == "auto":
            log.info("precision: %s, which suits this machine", precision)
        val = open_shards(manifests["val"])
        train_images: Shards | RemoteShards
        if per_class:
            train_images = open_shards(manifests["train"]).first_per_class(per_class)
        else:
            train_images = open_training(manifests["train"])
        shards = TrainingImages(train_images, val)
        targets = {split: torch.as_tensor(data.labels) for split, data in shards._asdict().items()}
        if table is not None:
            targets = {split: table[labels] for split, labels in targets.items()}
            model.head.start_at(log_odds(targets["train"]))  # type: ignore[operator]
        constant = best_constant(targets, outputs, spread(model, shards.val.side))
        try:
            workers = processes.share(machine.workers, fabric)
            with processes.others_awaited(fabric, watch):
                history = train(fabric, model, shards, targets, checkpoint, workers, events.record)
        except DivergedError:
            processes.end_others(fabric, watch)
            checkpoints.clear(checkpoint)  # going on from it would diverge again
            raise
        processes.end_others(fabric, watch)
    return Fitted(model, history, constant, provenance, checkpoint)


def overridden(job: TrainJob, best: Path) -> TrainJob:
    """The job with the keys that a search found (best.json) over its own.

    Raises:
        UserError: the file is missing, broken or has other keys.
    """
    try:
        return job.merged(read_best_keys(best))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{best} is not a search result ({error}). Delete it and run again."
        ) from error
