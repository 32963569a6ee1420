"""The training loop: plain SGD under Lightning Fabric, which brings device, precision and DDP.

After every epoch the state goes to a checkpoint; a resumed run ends bit-identical to an
uninterrupted one on a CPU, because order and augmentation of the images depend on (seed, epoch)
alone.

Several processes (ranks) share every batch of one. Each takes the mean loss over its part of a
batch, weighted by the part's size, so that DDP's mean over the ranks is the gradient of the whole
batch; batch normalisation takes its statistics over all of it. What a network draws at random,
such as dropout, each rank draws for its own part.
"""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.artefacts.remote import RemoteShards
from pipeline.artefacts.shards import Shards
from pipeline.images.loading import Batch, eval_loader, train_loader
from pipeline.models.classifier import Classifier
from pipeline.runtime.errors import UserError
from pipeline.runtime.progress import track
from pipeline.training import checkpoints
from pipeline.training.optimisation import build_optimizer, lr_factor, set_lr
from pipeline.training.processes import share_batch_norms

log = logging.getLogger(__name__)


class DivergedError(UserError):
    """The loss is no longer finite: these training keys do not train the model."""


class TrainingImages(NamedTuple):
    """The images that a model is trained on, and those that it is watched on."""

    train: Shards | RemoteShards
    val: Shards


def train(
    fabric: Fabric,
    model: Classifier,
    shards: TrainingImages,
    targets: dict[str, Tensor],
    checkpoint: Path,
    workers: int,
    record: Callable[[dict[str, float]], None] = lambda row: None,
) -> list[dict[str, float]]:
    """Train ``model`` in place and return its history, one row per epoch.

    Args:
        fabric: device, precision and ranks.
        model: a new classifier; its ``job`` has the training keys and the seed.
        shards: an empty val gives NaN in the history.
        targets: split -> what each image id's row in the split is trained towards, class indices
            (N,) or attribute vectors (N, A).
        checkpoint: folder of this training's checkpoint.
        workers: decoding workers of this rank.
        record: given each new row of the history, in the process of rank 0 alone.

    Raises:
        DivergedError: the loss is not finite (names epoch and batch), on all ranks at once.
        UserError: the checkpoint is broken.
    """
    training = model.job.training
    if fabric.world_size > 1:
        share_batch_norms(model)
    optimizer = build_optimizer(model.parameter_groups(training), training)
    trained = model
    model, optimizer = fabric.setup(model, optimizer)
    # through DDP; `model` is Fabric's wrapper from here on
    model.mark_forward_method("training_step")  # type: ignore[operator]
    history: list[dict[str, float]] = []
    if state := checkpoints.load(checkpoint):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        history = state["history"]
        log.info("resuming after epoch %d", len(history))
    for epoch in range(len(history), training.last_epoch):
        start = time.monotonic()
        row = {"epoch": epoch + 1, "lr": training.lr * lr_factor(training, epoch)}
        row |= _train_epoch(fabric, model, optimizer, shards.train, targets, epoch, workers)
        seconds = time.monotonic() - start
        row |= _evaluate(fabric, trained, shards.val, targets["val"], workers)
        row |= {"images_per_second": shards.train.count / seconds, "seconds": seconds}
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
        if fabric.is_global_zero:
            record(row)
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
    shards: Shards | RemoteShards,
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
        rank=fabric.global_rank,
        world_size=fabric.world_size,
    )
    position = {image_id: row for row, image_id in enumerate(shards.image_ids)}
    # dropout and other draws of the network: an epoch's own, so that resuming repeats them
    draws = np.random.default_rng([model.job.seed, epoch, 2])
    torch.manual_seed(int(draws.integers(2**63, size=fabric.world_size)[fabric.global_rank]))
    model.train()
    losses, right = [], []  # of this rank's part of each batch
    batches: Iterable[Batch] = loader
    if fabric.is_global_zero:
        sizes = iter(loader.whole_sizes)
        batches = track(
            loader,
            sum(loader.whole_sizes),
            f"epoch {epoch + 1}/{training.epochs}: images",
            size=lambda batch: next(sizes),
            turns=(epoch, training.last_epoch),
        )
    for step, batch in enumerate(batches):
        set_lr(optimizer, lr_factor(training, epoch + step / len(loader)))
        rows = torch.tensor([position[image_id] for image_id in batch.image_ids])
        images, wanted = _to_device(fabric, batch.images, targets["train"][rows])
        fabric.call("on_step")
        with fabric.autocast():
            try:
                maps, loss = model.training_step(images, wanted)
            except ValueError as error:
                if len(rows) > 1 or "more than 1 value per channel" not in str(error):
                    raise
                # of one image with a map of one pixel batch normalisation has no spread
                raise UserError(
                    f"crop: {images.shape[-1]} pixels leave a map of one pixel, of which one image "
                    f"for each device cannot be normalised ({fabric.world_size} device(s), "
                    f"`batch_size: {training.batch_size}`). Raise `batch_size` to "
                    f"{2 * fabric.world_size} or more, or `crop` and the sizes of `images`."
                ) from error
        part = len(rows) / loader.whole_sizes[step]
        optimizer.zero_grad()
        fabric.backward(loss * (part * fabric.world_size))
        optimizer.step()
        losses.append(loss.detach() * part)
        right.append(_right(model.module, maps.detach(), wanted))
        if step % _CHECK_EVERY == 0:
            _check_finite(_summed(fabric, torch.stack(losses)), epoch)
    whole = _summed(fabric, torch.stack(losses))
    _check_finite(whole, epoch)
    return {
        "train_loss": float(np.average(whole.tolist(), weights=loader.whole_sizes)),
        "train_accuracy": float(_summed(fabric, torch.stack(right).sum())) / shards.count,
    }


_CHECK_EVERY = 20  # reading a loss waits for the device


def _check_finite(losses: Tensor, epoch: int) -> None:
    finite = torch.isfinite(losses)
    if not finite.all():
        batch = int((~finite).nonzero()[0])
        raise DivergedError(
            f"the loss is {float(losses[batch])} in epoch {epoch + 1}, batch {batch + 1}. "
            "Lower `lr` (or `head_lr_ratio`, `class_init_scale`), or add `warmup_epochs`; "
            "if it is the first batch, look at the images and the weights."
        )


@torch.inference_mode()
def _evaluate(
    fabric: Fabric, model: Classifier, shards: Shards, targets: Tensor, workers: int
) -> dict[str, float]:
    """Mean loss and accuracy over a split, in evaluation mode; NaN for an empty one."""
    if not shards.count:
        return {"val_loss": float("nan"), "val_accuracy": float("nan")}
    model.eval()
    mine = np.arange(shards.count)[fabric.global_rank :: fabric.world_size]
    size = 2 * model.job.training.batch_size // fabric.world_size
    totals = torch.zeros(2, dtype=torch.float64)  # of the loss, of right predictions
    done = 0
    for batch in eval_loader(shards, batch_size=size, workers=workers, rows=mine):
        rows = torch.from_numpy(mine[done : done + len(batch.image_ids)])
        done += len(rows)
        images, wanted = _to_device(fabric, batch.images, targets[rows])
        fabric.call("on_work")
        with fabric.autocast():
            maps = model(images)
        totals[0] += float(model.loss(maps, wanted)) * len(rows)
        totals[1] += float(_right(model, maps, wanted))
    fabric.call("on_step")
    loss, accuracy = (_summed(fabric, totals) / shards.count).tolist()
    return {"val_loss": loss, "val_accuracy": accuracy}


def _right(model: Classifier, maps: Tensor, wanted: Tensor) -> Tensor:
    """The number of images predicted right (scalar); of attributes, an image counts in part."""
    log_probs = model.head.log_probs(maps)
    if wanted.ndim == 1:
        return (log_probs.argmax(dim=1) == wanted).double().sum()
    return ((log_probs.exp() > 0.5) == (wanted > 0.5)).double().mean(dim=1).sum()


def _summed(fabric: Fabric, values: Tensor) -> Tensor:
    """The sum over all ranks."""
    summed = fabric.all_reduce(values, reduce_op="sum")
    assert isinstance(summed, Tensor)  # as what was given
    return summed


def _to_device(fabric: Fabric, images: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    images = images.to(fabric.device, memory_format=torch.channels_last, non_blocking=True)
    return images, wanted.to(fabric.device, non_blocking=True)
