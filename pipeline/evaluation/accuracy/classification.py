"""Top-1 accuracy of a model on a split (paper, section 5.3 and Table 2), with an interval."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from pipeline.artefacts.scores import parse_identity, provenance
from pipeline.artefacts.shards import open_shards
from pipeline.evaluation.bootstrap import interval, replicated_means
from pipeline.evaluation.result import Result, write_result
from pipeline.images.loading import Batch, eval_loader
from pipeline.models import load_model
from pipeline.runtime import cli
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import Machine, add_machine, machine_from
from pipeline.runtime.progress import track
from pipeline.settings import Classification

log = logging.getLogger(__name__)


class Predictions(NamedTuple):
    """What a model says about N images.

    Attributes:
        image_ids: (N,) str.
        labels: (N,) int64, the true class.
        predicted: (N,) int64, the most likely class; of equal ones the first.
        log_probability: (N,) float64, log p(y|x) of the true class, nats.
    """

    image_ids: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    log_probability: np.ndarray

    @property
    def hits(self) -> np.ndarray:
        """(N,) bool: the prediction is right."""
        return self.predicted == self.labels


@torch.inference_mode()
def predict(model: Any, batches: Iterable[Batch], device: torch.device) -> Predictions:
    """Classify images.

    Args:
        model: in evaluation mode, on ``device``; ``model(images)`` gives maps and
            ``model.head.log_probs(maps)`` class log probabilities (B, C).
        batches: at least one image.
        device: where the model is.

    Raises:
        UserError: there is no image, a label is not one of the model's classes, or the model gives
            NaN; the message names the image.
    """
    image_ids: list[str] = []
    columns: list[tuple[np.ndarray, ...]] = []
    for batch in batches:
        images = batch.images.to(device).to(memory_format=torch.channels_last)
        log_probs = model.log_probs(images).double().cpu()  # (B, C)
        classes = log_probs.shape[1]
        if (unknown := batch.labels >= classes).any():
            image = batch.image_ids[int(unknown.int().argmax())]
            raise UserError(
                f"Image {image} has class label {int(batch.labels[unknown][0])}, but the model "
                f"knows {classes} classes. Weights and shards must belong to the same data set."
            )
        if (broken := log_probs.isnan().any(dim=1)).any():
            raise UserError(
                f"The model gives NaN for image {batch.image_ids[int(broken.int().argmax())]}. Its "
                "training has most likely diverged: look at its history, lower `lr`, train again."
            )
        of_label = log_probs.gather(1, batch.labels[:, None])[:, 0]
        image_ids += batch.image_ids
        columns.append((batch.labels.numpy(), log_probs.argmax(dim=1).numpy(), of_label.numpy()))
    if not image_ids:
        raise UserError("There is no image to classify: the split is empty.")
    labels, predicted, log_probability = (
        np.concatenate(parts) for parts in zip(*columns, strict=True)
    )
    return Predictions(np.array(image_ids), labels, predicted, log_probability)


def summarise(predictions: Predictions, replicates: np.ndarray, section: Classification) -> Result:
    """The accuracy, its interval and the predictions.

    Details: number of images, mean negative log likelihood (nats), and accuracy of every class that
    has images.

    Args:
        predictions: of N images.
        replicates: (R,) accuracies of resampled images.
        section: the level of the interval.
    """
    hits = predictions.hits
    per_class = [
        {
            "label": int(label),
            "images": int((predictions.labels == label).sum()),
            "top1": float(hits[predictions.labels == label].mean()),
        }
        for label in np.unique(predictions.labels)
    ]
    return Result(
        values={"top1": float(hits.mean())},
        intervals={"top1": interval(replicates, section.bootstrap.level)},
        details={
            "images": len(hits),
            "mean_nll": float(-predictions.log_probability.mean()),
            "per_class": per_class,
        },
        arrays={
            "image_id": predictions.image_ids,
            "label": predictions.labels,
            "prediction": predictions.predicted,
            "probability": np.exp(predictions.log_probability),
            "replicates.top1": replicates,
        },
    )


def classify(
    section: Classification, weights: Path, shards: Path, machine: Machine, batch_size: int = 64
) -> Result:
    """Measure a model's accuracy on a split.

    Args:
        section: the bootstrap.
        weights: weights.safetensors of the model.
        shards: manifest.json of the split.
        machine: what to compute on.
        batch_size: images per forward pass.

    Raises:
        UserError: a file is missing or broken, or the model predicts no classes or others.
    """
    device = torch.device(machine.device)
    model = load_model(weights).to(device).to(memory_format=torch.channels_last)
    if model.kind == "attributes":
        raise UserError(f"{weights} predicts attributes, not classes: it has no accuracy.")
    images = open_shards(shards)
    batches = track(
        eval_loader(images, batch_size=batch_size, workers=machine.workers),
        images.count,
        "classification: images",
        size=lambda batch: len(batch.image_ids),
    )
    predictions = predict(model, batches, device)
    return summarise(predictions, replicated_means(predictions.hits, section.bootstrap), section)


def run(argv: list[str]) -> None:
    """Command line of the evaluation."""
    arguments = cli.parser(
        "pipeline.evaluation.accuracy.classification", "Measure a model's accuracy."
    )
    cli.add_section(arguments, Classification)
    arguments.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    arguments.add_argument("--shards", type=Path, required=True, help="manifest.json of a split")
    arguments.add_argument("--identity", required=True, metavar="JSON", help="what is measured")
    arguments.add_argument("--out", type=Path, required=True, help="score file to write, .json")
    arguments.add_argument("--batch-size", type=int, default=64, help="images per forward pass")
    add_machine(arguments)
    given = arguments.parse_args(argv)
    section = cli.read_section(given.section, Classification)
    identity = parse_identity(given.identity)
    result = classify(section, given.weights, given.shards, machine_from(given), given.batch_size)
    write_result(
        given.out,
        result,
        task="classification",
        identity=identity,
        provenance=provenance(section, {"weights": given.weights, "shards": given.shards}),
    )
    log.info(
        "%s: top-1 %.3f of %d images", given.out, result.values["top1"], result.details["images"]
    )


if __name__ == "__main__":
    cli.main(run)
