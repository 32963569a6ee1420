"""Training images from shards that lie elsewhere, streamed by WebDataset.

Each rank streams its own shards, each worker its own of these (`webdataset.split_by_worker`),
through the verified cache and a buffer that shuffles. Which sample comes when is decided by seed,
epoch and the numbers of ranks and workers; how it is cropped by seed, epoch and sample alone, as
from local shards. WebDataset reads what it can of a shard: so each epoch is counted against the
manifest.
"""

import random
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
import webdataset as wds
from webdataset.tariterators import group_by_keys

from pipeline.artefacts.remote import RemoteShards, of_other_records
from pipeline.artefacts.shard_members import members, parsed
from pipeline.images.batches import Batch, decoded, normalise
from pipeline.runtime.errors import UserError, lacks_memory

BUFFER = 1000  # encoded samples that are mixed, in each worker
_grouped = wds.pipelinefilter(group_by_keys)


class StreamLoader:
    """Batches of a training epoch; every sample comes once, over all ranks together.

    All ranks make equally many steps: a rank divides its samples evenly among them.

    Attributes:
        whole_sizes: images of each batch, over all ranks.
    """

    def __init__(
        self,
        shards: RemoteShards,
        boxes: np.ndarray,
        side: int,
        *,
        batch_size: int,
        seed: int,
        epoch: int,
        workers: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """As `pipeline.images.loading.train_loader`; boxes (N, 3): a sample's crop top, left, flip.

        Raises:
            UserError: there are fewer shards than ranks, or one has far fewer images than another.
        """
        order = np.random.default_rng([seed, epoch, 0]).permutation(len(shards.shards))
        counts = np.array([shard.count for shard in shards.shards])
        totals = [int(counts[order[each::world_size]].sum()) for each in range(world_size)]
        steps = -(-max(totals) * world_size // batch_size)
        if min(totals) < steps * min(2, batch_size // world_size):
            steps = min(totals) // min(2, batch_size // world_size)
        if steps == 0 or max(totals) > 2 * steps * batch_size // world_size:
            raise UserError(
                f"{len(shards.shards)} shards of {min(counts)} to {max(counts)} images cannot be "
                f"shared by {world_size} device(s). Write more and smaller ones "
                "(`images.shard_images`), or use fewer devices."
            )
        sizes = [[len(part) for part in np.array_split(range(n), steps)] for n in totals]
        self.whole_sizes = [sum(parts) for parts in zip(*sizes, strict=True)]
        self._sizes = sizes[rank]
        self._own = order[rank::world_size]
        self._shards, self._boxes, self._side = shards, boxes, side
        self._workers = workers
        self._draws = f"{seed} {epoch} {rank}"

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[Batch]:
        stream = self._samples()
        for size in self._sizes:
            part = list(islice(stream, size))
            if len(part) < size:
                break  # the stream has raised, or this is a fault of ours
            images = torch.stack([image for _, image in part])  # (B, S, S, 3)
            indices = [index for index, _ in part]
            yield Batch(
                normalise(images.permute(0, 3, 1, 2)),
                torch.from_numpy(self._shards.labels[indices]),
                [self._shards.image_ids[index] for index in indices],
            )
        next(stream, None)  # the count at its end

    def _samples(self) -> Iterator[tuple[int, torch.Tensor]]:
        """Each sample once: its index and its crop, uint8 (S, S, 3).

        Raises:
            UserError: a shard cannot be fetched, or does not hold the samples of the manifest.
        """
        urls = [self._shards.shards[number].url for number in self._own]
        pipeline = wds.DataPipeline(
            wds.SimpleShardList(urls),
            wds.split_by_worker,
            self._shards.opener(),
            self._files,
            _grouped(),
            wds.filters.shuffle(BUFFER, initial=BUFFER, rng=random.Random(self._draws)),
            wds.map(self._cropped),
        )
        seen = np.zeros(self._shards.count, bool)
        loader = wds.WebLoader(_Told(pipeline), batch_size=None, num_workers=self._workers)
        for sample in loader:
            if "fault" in sample:
                raise UserError(sample["fault"])
            index = int(sample["index"])
            if seen[index]:
                raise UserError(f"{sample['url']} holds image {index} a second time. Replace it.")
            seen[index] = True
            yield index, sample["image"]
        for number in self._own:
            first, end = self._shards.first[number : number + 2]
            if not seen[first:end].all():
                raise UserError(
                    f"{self._shards.shards[number].url} gave {int(seen[first:end].sum())} of "
                    f"{end - first} images of the manifest: shard and manifest do not belong "
                    "together. Write both again."
                )

    def _files(self, shards: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The files of open shards, as WebDataset's own stage of a pipeline gives them."""
        for shard in shards:
            url = shard["url"]
            try:
                for member in members(shard["stream"], self._shards.side):
                    content = member.content(shard["stream"])
                    yield {"fname": member.name, "data": content, "__url__": url}
            except ValueError as error:
                raise of_other_records(url, error) from error
            yield {}  # samples of different shards do not mix

    def _cropped(self, sample: dict[str, Any]) -> dict[str, Any]:
        """A sample of WebDataset, decoded, cropped and mirrored."""
        url = sample["__url__"]
        try:
            index = int(sample["__key__"])
            self._shards.check(url, index, parsed(sample["json"]))
            encoded = sample["jpg"] if "jpg" in sample else sample["png"]
            stored = decoded(encoded, self._shards.side).permute(1, 2, 0)  # (side, side, 3)
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            if lacks_memory(error):
                raise
            raise of_other_records(url, error) from error
        top, left, flip = self._boxes[index]
        crop = stored[top : top + self._side, left : left + self._side]
        crop = crop.flip(1) if flip else crop
        return {"index": index, "url": url, "image": crop.contiguous()}


class _Told(torch.utils.data.IterableDataset):
    """A pipeline whose error for the user comes as a last sample, since workers wrap exceptions."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            yield from self._pipeline
        except UserError as error:
            yield {"fault": str(error)}
        except Exception as error:  # of the tar, from WebDataset
            if lacks_memory(error):
                raise
            yield {"fault": f"A shard cannot be read: {error}. Write it again."}
