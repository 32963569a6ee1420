"""Shards as batches: every sample once per epoch, in an order that a seed decides.

Order and augmentation are a pure function of (seed, epoch, sample), whatever the number of
workers; WebDataset's own order depends on it.
"""

import collections
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from pipeline.artefacts.remote import RemoteShards
from pipeline.artefacts.shards import Shards, open_shards
from pipeline.images.batches import Batch, decoded, denormalise, normalise
from pipeline.images.streaming import StreamLoader
from pipeline.runtime.errors import UserError, lacks_memory

__all__ = [
    "Batch",
    "Shards",
    "denormalise",
    "eval_loader",
    "normalise",
    "open_shards",
    "train_loader",
]

WINDOW_SHARDS = 16  # samples are mixed within this many shards, so that reads stay near each other


class Loader:
    """Batches of an epoch, in order; iterating twice gives the same twice.

    Threads, not processes: decoding and copying run outside the interpreter lock, nothing has
    to be forked or sent, and an epoch starts at once.

    Attributes:
        whole_sizes: images of each batch, over all ranks.
    """

    def __init__(
        self,
        shards: Shards,
        batches: Sequence[np.ndarray],
        side: int,
        boxes: np.ndarray,
        workers: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """Batches of sample indices; boxes (N, 3): each sample's crop top, left, and flip."""
        self.whole_sizes = [len(batch) for batch in batches]
        self._shards = shards
        self._batches = [batch[rank::world_size] for batch in batches]
        self._side = side
        self._boxes = boxes
        self._workers = workers

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        for indices, images in zip(self._batches, self._images(), strict=True):
            yield Batch(
                normalise(torch.from_numpy(images).permute(0, 3, 1, 2)),  # (B, 3, S, S)
                torch.from_numpy(self._shards.labels[indices]),
                [self._shards.image_ids[index] for index in indices],
            )

    def _images(self) -> Iterator[np.ndarray]:
        """The batches' images, uint8 (B, S, S, 3), read ahead by the workers."""
        if self._workers == 0:
            yield from map(self._read, self._batches)
            return
        pool = ThreadPoolExecutor(self._workers)
        pending: collections.deque[Future[np.ndarray]] = collections.deque()
        try:
            for indices in self._batches:
                pending.append(pool.submit(self._read, indices))
                if len(pending) > 2 * self._workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _read(self, indices: np.ndarray) -> np.ndarray:
        images = np.empty((len(indices), self._side, self._side, 3), np.uint8)
        for image, index in zip(images, indices, strict=True):
            top, left, flip = self._boxes[index]
            # NumPy copies: torch would start a pool of threads in every one of ours
            stored = self._decoded(index).permute(1, 2, 0).numpy()  # (side, side, 3)
            crop = stored[top : top + self._side, left : left + self._side]
            if flip:
                for channel in range(3):  # 5 times as fast as reversing whole pixels
                    image[..., channel] = crop[:, ::-1, channel]
            else:
                image[:] = crop
        return images

    def _decoded(self, index: int) -> torch.Tensor:
        """As `Shards.image`, by the decoder that lets other threads run: (3, side, side)."""
        stored = self._shards.encoded(index)
        try:
            return decoded(stored, self._shards.side)
        except (RuntimeError, ValueError) as error:
            if lacks_memory(error):
                raise
            raise self._shards.changed(index) from error


def train_loader(
    shards: Shards | RemoteShards,
    *,
    crop: int,
    flip: bool,
    batch_size: int,
    seed: int,
    epoch: int,
    workers: int,
    rank: int = 0,
    world_size: int = 1,
) -> Loader | StreamLoader:
    """The batches of a training epoch: shuffled, randomly cropped and mirrored.

    Order and augmentation depend on (seed, epoch, sample) alone: ``workers`` and resuming change
    nothing, and several ranks share the batches of one. Every sample comes once per epoch, over
    all ranks together: the rest that does not fill a batch is the last batch, or joins the one
    before if it has fewer than two samples per rank (batch normalisation may need two). All ranks
    make equally many steps; their parts of the last batch may differ by one sample. Of shards that
    are streamed the batches are as even as they can be, and their order depends on ranks and
    workers too (`pipeline.images.streaming`).

    Args:
        shards: the training split.
        crop: side S of the random crop, pixels; at most ``shards.side``.
        flip: mirror each image with probability 1/2.
        batch_size: images per step over all ranks, a multiple of ``world_size``.
        seed: of the model.
        epoch: number of the epoch.
        workers: threads that read ahead; 0 reads in the caller's.
        rank: which part of every batch: samples rank, rank + world_size, ... of it.
        world_size: number of ranks.

    Raises:
        UserError: the crop is larger than the images, ``batch_size`` cannot be divided, or there
            are too few images.
    """
    if crop > shards.side:
        raise UserError(
            f"crop: {crop} is larger than the stored training images (train_size: {shards.side}). "
            "Lower `crop` or raise `train_size`."
        )
    if batch_size % world_size:
        raise UserError(
            f"batch_size: {batch_size} images per step cannot be shared by {world_size} devices. "
            f"Choose a multiple of {world_size}."
        )
    smallest = min(batch_size, 2 * world_size)
    if shards.count < smallest:
        raise UserError(
            f"The training split has {shards.count} images; {world_size} device(s) need at least "
            f"{smallest}. Check `classes` and `val_fraction`."
        )
    draw = np.random.default_rng([seed, epoch, 1])
    boxes = np.empty((shards.count, 3), np.int64)
    boxes[:, :2] = draw.integers(0, shards.side - crop, (shards.count, 2), endpoint=True)
    boxes[:, 2] = draw.integers(0, 1, shards.count, endpoint=True) if flip else 0
    if isinstance(shards, RemoteShards):
        return StreamLoader(
            shards,
            boxes,
            crop,
            batch_size=batch_size,
            seed=seed,
            epoch=epoch,
            workers=workers,
            rank=rank,
            world_size=world_size,
        )
    starts = np.arange(batch_size, shards.count, batch_size)
    if 0 < shards.count % batch_size < smallest:
        starts = starts[:-1]
    batches = np.split(_order(shards, seed, epoch), starts)
    return Loader(shards, batches, crop, boxes, workers, rank, world_size)


def eval_loader(
    shards: Shards, *, batch_size: int, workers: int, rows: np.ndarray | None = None
) -> Loader:
    """Samples in the stored order, whole and unmirrored; the last batch may be shorter.

    Args:
        shards: the split.
        batch_size: images per batch.
        workers: threads that read ahead; 0 reads in the caller's.
        rows: indices of the samples to read; all if not given.
    """
    rows = np.arange(shards.count) if rows is None else rows
    batches = np.split(rows, np.arange(batch_size, len(rows), batch_size))
    boxes = np.zeros((shards.count, 3), np.int64)
    return Loader(shards, batches if len(rows) else [], shards.side, boxes, workers)


def _order(shards: Shards, seed: int, epoch: int) -> np.ndarray:
    """All sample indices, shuffled: shards first, then samples in windows of several shards."""
    draw = np.random.default_rng([seed, epoch, 0])
    place = draw.permutation(len(shards.paths))[shards.shard]  # (N,) of each sample's shard
    return np.lexsort((draw.random(shards.count), place // WINDOW_SHARDS))
