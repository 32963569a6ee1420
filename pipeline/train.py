"""Stage 5: train one model (a data set, an architecture, a variant, a seed).

The loop is plain SGD under Lightning Fabric, which brings device and precision. After every epoch
the state goes to a checkpoint; a resumed run ends bit-identical to an uninterrupted one on a CPU,
because order and augmentation of the images depend on (seed, epoch) alone.
"""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline import checkpoints
from pipeline.cli import add_section, main, parser, read_section
from pipeline.codegraph import code_digest
from pipeline.errors import UserError
from pipeline.files import atomic_path, digest, sha256, write_json
from pipeline.loading import Shards, eval_loader, open_shards, train_loader
from pipeline.machine import add_machine, use_machine
from pipeline.models.classifier import Classifier, build_classifier, save_model
from pipeline.optimisation import build_optimizer, lr_factor, set_lr
from pipeline.progress import track
from pipeline.settings import TrainJob

log = logging.getLogger(__name__)


def train(
    fabric: Fabric,
    model: Classifier,
    shards: dict[str, Shards],
    targets: dict[str, Tensor],
    checkpoint: Path,
    workers: int,
) -> list[dict[str, float]]:
    """Train ``model`` in place and return its history, one row an epoch.

    Args:
        fabric: device and precision.
        model: a new classifier; its ``job`` has the training keys and the seed.
        shards: splits ``train`` and ``val``; an empty val gives NaN in the history.
        targets: split -> what each image id's row in the split is trained towards, class indices
            (N,) or attribute vectors (N, A).
        checkpoint: folder of this training's checkpoint.
        workers: decoding workers.

    Raises:
        UserError: the loss is not finite (names epoch and batch), or the checkpoint is broken.
    """
    training = model.job.training
    optimizer = build_optimizer(model.parameter_groups(training), training)
    model, optimizer = fabric.setup(model, optimizer)
    for method in ("log_probs", "loss"):
        model.mark_forward_method(method)
    history: list[dict[str, float]] = []
    if state := checkpoints.load(checkpoint):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        history = state["history"]
        log.info("resuming after epoch %d", len(history))
    for epoch in range(len(history), training.epochs):
        start = time.monotonic()
        row = {"epoch": epoch + 1, "lr": training.lr * lr_factor(training, epoch)}
        row |= _train_epoch(fabric, model, optimizer, shards["train"], targets, epoch, workers)
        seconds = time.monotonic() - start
        row |= _evaluate(fabric, model, shards["val"], targets["val"], workers)
        row |= {"images_per_second": shards["train"].count / seconds, "seconds": seconds}
        history.append(row)
        log.info(
            "epoch %d/%d: loss %.4f, accuracy %.3f (val %.3f), %.0f images/s",
            epoch + 1,
            training.epochs,
            row["train_loss"],
            row["train_accuracy"],
            row["val_accuracy"],
            row["images_per_second"],
        )
        checkpoints.save(
            checkpoint,
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "history": history,
            },
        )
    return history


def _train_epoch(
    fabric: Fabric,
    model: Any,
    optimizer: Any,
    shards: Shards,
    targets: dict[str, Tensor],
    epoch: int,
    workers: int,
) -> dict[str, float]:
    training = model.job.training
    loader = train_loader(
        shards,
        crop=training.crop,
        flip=training.flip,
        batch_size=training.batch_size,
        seed=model.job.seed,
        epoch=epoch,
        workers=workers,
    )
    position = {image_id: row for row, image_id in enumerate(shards.image_ids)}
    model.train()
    losses, weights, right = [], [], []
    what = f"epoch {epoch + 1}/{training.epochs}"
    for step, batch in enumerate(track(loader, len(loader), what)):
        set_lr(optimizer, lr_factor(training, epoch + step / len(loader)))
        rows = torch.tensor([position[image_id] for image_id in batch.image_ids])
        images, wanted = _to_device(fabric, batch.images, targets["train"][rows])
        maps = model(images)
        loss = model.loss(maps, wanted)
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        losses.append(loss.detach())
        weights.append(len(rows))
        right.append(_right(model, maps.detach(), wanted))
        if step % _CHECK_EVERY == 0:
            _check_finite(losses, epoch)
    _check_finite(losses, epoch)
    return {
        "train_loss": float(np.average([float(loss) for loss in losses], weights=weights)),
        "train_accuracy": float(torch.cat(right).double().mean()),
    }


_CHECK_EVERY = 20  # reading a loss waits for the device


def _check_finite(losses: list[Tensor], epoch: int) -> None:
    finite = torch.isfinite(torch.stack(losses))
    if not finite.all():
        batch = int((~finite).nonzero()[0])
        raise UserError(
            f"the loss is {float(losses[batch])} in epoch {epoch + 1}, batch {batch + 1}. "
            "Lower `lr` (or `head_lr_ratio`, `class_init_scale`), or add `warmup_epochs`; "
            "if it is the first batch, look at the images and the weights."
        )


@torch.inference_mode()
def _evaluate(
    fabric: Fabric, model: Any, shards: Shards, targets: Tensor, workers: int
) -> dict[str, float]:
    """Mean loss and accuracy over a split, in evaluation mode; NaN for an empty one."""
    if not shards.count:
        return {"val_loss": float("nan"), "val_accuracy": float("nan")}
    model.eval()
    losses, weights, right, done = [], [], [], 0
    for batch in eval_loader(shards, batch_size=2 * model.job.training.batch_size, workers=workers):
        rows = slice(done, done + len(batch.image_ids))
        done = rows.stop
        images, wanted = _to_device(fabric, batch.images, targets[rows])
        maps = model(images)
        losses.append(float(model.loss(maps, wanted)))
        weights.append(len(wanted))
        right.append(_right(model, maps, wanted))
    return {
        "val_loss": float(np.average(losses, weights=weights)),
        "val_accuracy": float(torch.cat(right).double().mean()),
    }


def _right(model: Any, maps: Tensor, wanted: Tensor) -> Tensor:
    """For each image 1 if the prediction is right, else 0; for attributes the part that is."""
    log_probs = model.log_probs(maps)
    if wanted.ndim == 1:
        return (log_probs.argmax(dim=1) == wanted).double().cpu()
    return ((log_probs.exp() > 0.5) == (wanted > 0.5)).double().mean(dim=1).cpu()


def _to_device(fabric: Fabric, images: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    images = images.to(fabric.device, memory_format=torch.channels_last, non_blocking=True)
    return images, wanted.to(fabric.device, non_blocking=True)


def attribute_targets(attributes: Path, classes: pd.DataFrame) -> Tensor:
    """Binary attribute vectors of the classes, (classes, attributes) float: 50 % and more is 1."""
    try:
        table = np.loadtxt(attributes)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the class attributes {attributes}: {error}") from error
    return torch.tensor(table[classes.class_id.to_numpy() - 1] >= 50, dtype=torch.float32)


def run(argv: list[str]) -> None:
    """Command line of the stage."""
    arguments = parser("pipeline.train", "Train one model and write its weights and history.")
    add_section(arguments, TrainJob)
    arguments.add_argument("--train-shards", type=Path, required=True, help="manifest.json")
    arguments.add_argument("--val-shards", type=Path, required=True, help="manifest.json")
    arguments.add_argument("--classes", type=Path, required=True, help="classes.csv")
    arguments.add_argument(
        "--init-weights", type=Path, nargs="?", help="file behind the trunk's `weights`"
    )
    arguments.add_argument("--attributes", type=Path, help="class attributes, for pretraining")
    arguments.add_argument("--checkpoints", type=Path, required=True, help="folder for resuming")
    arguments.add_argument("--out", type=Path, required=True, help="folder of the results")
    add_machine(arguments)
    given = arguments.parse_args(argv)
    job = read_section(given.section, TrainJob)
    device = use_machine(given)

    shards = {"train": open_shards(given.train_shards), "val": open_shards(given.val_shards)}
    classes = pd.read_csv(given.classes)
    targets = {split: torch.as_tensor(data.labels) for split, data in shards.items()}
    outputs = len(classes)
    if job.training.method == "attributes":
        if given.attributes is None:
            raise UserError("method 'attributes' needs --attributes, the class attribute table.")
        table = attribute_targets(given.attributes, classes)
        targets = {split: table[labels] for split, labels in targets.items()}
        outputs = table.shape[1]
    model = build_classifier(job, outputs, given.init_weights)
    model.to(memory_format=torch.channels_last)

    provenance = {
        "config": digest(job.model_dump(mode="json")),
        "code": code_digest("pipeline.train"),
        "data": sha256(given.train_shards),
        "val_data": sha256(given.val_shards),
        "init_weights": sha256(given.init_weights) if given.init_weights else "",
    }
    checkpoint = given.checkpoints / digest(provenance)
    fabric = Fabric(accelerator=device, devices=1, precision=job.training.precision)
    history = train(fabric, model, shards, targets, checkpoint, given.workers)

    table = pd.DataFrame(history)
    with atomic_path(given.out / "history.csv") as temporary:
        table.to_csv(temporary, index=False)
    write_json(given.out / "section.json", job.model_dump(mode="json"))
    last = {key: value for key, value in history[-1].items() if np.isfinite(value)}
    write_json(given.out / "metrics.json", {"last_epoch": last, "provenance": provenance})
    save_model(model.cpu(), given.out / "weights.safetensors", provenance)
    checkpoints.clear(checkpoint)


if __name__ == "__main__":
    main(run)
