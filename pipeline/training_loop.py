"""The training loop: plain SGD under Lightning Fabric, which brings device and precision.

After every epoch the state goes to a checkpoint; a resumed run ends bit-identical to an
uninterrupted one on a CPU, because order and augmentation of the images depend on (seed, epoch)
alone.
"""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline import checkpoints
from pipeline.errors import UserError
from pipeline.loading import Shards, eval_loader, train_loader
from pipeline.models.classifier import Classifier
from pipeline.optimisation import build_optimizer, lr_factor, set_lr
from pipeline.progress import track

log = logging.getLogger(__name__)

HISTORY = (
    "epoch", "lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy",
    "images_per_second", "seconds",
)  # fmt: skip


class DivergedError(UserError):
    """The loss is not finite any more: these training keys do not train the model."""


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
        DivergedError: the loss is not finite (names epoch and batch).
        UserError: the checkpoint is broken.
    """
    training = model.job.training
    optimizer = build_optimizer(model.parameter_groups(training), training)
    model, optimizer = fabric.setup(model, optimizer)
    for method in ("log_probs", "loss", "training_step"):
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
    # dropout and other draws of the network: an epoch's own, so that resuming repeats them
    torch.manual_seed(int(np.random.default_rng([model.job.seed, epoch, 2]).integers(2**63)))
    model.train()
    losses, weights, right = [], [], []
    what = f"epoch {epoch + 1}/{training.epochs}"
    for step, batch in enumerate(track(loader, len(loader), what)):
        set_lr(optimizer, lr_factor(training, epoch + step / len(loader)))
        rows = torch.tensor([position[image_id] for image_id in batch.image_ids])
        images, wanted = _to_device(fabric, batch.images, targets["train"][rows])
        with fabric.autocast():
            maps, loss = model.training_step(images, wanted)
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
        raise DivergedError(
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
