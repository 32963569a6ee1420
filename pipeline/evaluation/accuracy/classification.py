"""Top-1 and top-5 accuracy on a split (paper, section 5.3 and Table 2), with intervals."""

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

TOP = 5

log = logging.getLogger(__name__)


class Predictions(NamedTuple):
    """What a model says about N images.

    Attributes:
        image_ids: (N,) str.
        labels: (N,) int64, the true class.
        predicted: (N,) int64, the most likely class; of equal ones the first.
        log_probability: (N,) float64, log p(y|x) of the true class, nats.
        confidence: (N,) float64, p(y|x) of the predicted class.
        brier: (N,) float64 in [0, 2], the squared distance of p(.|x) from the true class.
        rank: (N,) int64, how many classes come before the true one: those that are likelier, and
            of equal ones those of lower number.
        classes: how many the model knows.
    """

    image_ids: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    log_probability: np.ndarray
    confidence: np.ndarray
    brier: np.ndarray
    rank: np.ndarray
    classes: int

    @property
    def hits(self) -> np.ndarray:
        """(N,) bool: the prediction is right."""
        return self.predicted == self.labels

    def among(self) -> dict[str, np.ndarray]:
        """Value -> (N,) bool, the true class is among the likeliest k; no top-5 of five classes.

        `sklearn.metrics.top_k_accuracy_score` gives the mean alone, and the intervals need each
        image; of classes that are equally likely it takes those of the higher number.
        """
        hits = {"top1": self.hits}
        return hits | {f"top{TOP}": self.rank < TOP} if self.classes > TOP else hits


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
    classes = 0
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
        of_label = log_probs.gather(1, batch.labels[:, None])  # (B, 1)
        earlier = torch.arange(classes) < batch.labels[:, None]
        before = (log_probs > of_label) | ((log_probs == of_label) & earlier)
        probabilities = log_probs.exp()
        wanted = torch.nn.functional.one_hot(batch.labels, classes)
        found = (
            batch.labels,
            log_probs.argmax(dim=1),
            of_label[:, 0],
            probabilities.amax(dim=1),
            (probabilities - wanted).square().sum(dim=1),
            before.sum(dim=1),
        )
        image_ids += batch.image_ids
        columns.append(tuple(column.numpy() for column in found))
    if not image_ids:
        raise UserError("There is no image to classify: the split is empty.")
    joined = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    return Predictions(np.array(image_ids), *joined, classes=classes)


def summarise(predictions: Predictions, section: Classification) -> Result:
    """The accuracies, their intervals and the predictions.

    Details: number of images, mean negative log likelihood (nats), and accuracy of every class that
    has images.

    Args:
        predictions: of N images.
        section: the bootstrap.
    """
    hits = predictions.hits
    among = predictions.among()
    replicates = {name: replicated_means(each, section.bootstrap) for name, each in among.items()}
    per_class = [
        {
            "label": int(label),
            "images": int((predictions.labels == label).sum()),
            "top1": float(hits[predictions.labels == label].mean()),
        }
        for label in np.unique(predictions.labels)
    ]
    return Result(
        values={name: float(each.mean()) for name, each in among.items()},
        intervals={
            name: interval(drawn, section.bootstrap.level) for name, drawn in replicates.items()
        },
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
            "log_probability": predictions.log_probability,
            "confidence": predictions.confidence,
            "brier": predictions.brier,
        }
        | {f"replicates.{name}": drawn for name, drawn in replicates.items()},
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
    return summarise(predict(model, batches, device), section)


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
