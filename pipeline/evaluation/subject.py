"""What an evaluation of single maps receives and returns.

An evaluation is a function ``measure(subject: Subject, section) -> Result``. Its maps are those of
each image's own label (or its superset, or the location prior), whatever the file holds.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.artefacts.fixations import read_fixations
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import read_label_pairs
from pipeline.artefacts.scores import read_arrays, read_score
from pipeline.artefacts.shards import Shards
from pipeline.artefacts.targets import own_target
from pipeline.evaluation.result import Result as Result
from pipeline.images.enlarging import upsampled
from pipeline.images.loading import eval_loader
from pipeline.models.study_models import Model
from pipeline.runtime.errors import UserError
from pipeline.runtime.progress import track
from pipeline.settings import Attribution

MAPS = 64  # maps resized at once


class Chunk(NamedTuple):
    """Some test images and their maps.

    Attributes:
        images: (B, 3, S, S) normalised, on the model's device.
        labels: (B,) int64, on the model's device.
        image_ids: B names.
        maps: (B, h, w) float32 on the CPU, at the maps' own resolution; None without maps of one
            class, or of none.
    """

    images: Tensor
    labels: Tensor
    image_ids: list[str]
    maps: Tensor | None


class Subject:
    """A model, its maps by one method, and the images of a split that are measured.

    Attributes:
        model: in evaluation mode, without parameter gradients.
        method: name of the method; "model" without maps.
        options: of the method, for evaluations that compute further maps.
        records: of the measured images, in the order of the shards.
        resize: ``images.resize`` of the shards, for `pipeline.images.geometry`.
        size: side of a stored image, pixels.
        base: score of the model without maps, where the evaluation needs one.
        base_arrays: its per-image results.
        pairs: class pairs, as labels; none where the evaluation reads none.
        fixations: of the data set, where the evaluation reads them.
        device: where the model is.
    """

    def __init__(
        self,
        model: Model,
        method: str,
        options: Attribution,
        shards: Shards,
        records: pd.DataFrame,
        store: MapStore | None,
        device: torch.device,
        *,
        resize: str = "square",
        base: Path | None = None,
        pairs: Path | None = None,
        fixations: Path | None = None,
        workers: int = 2,
    ) -> None:
        self.model = model
        self.method = method
        self.options = options
        self.records = records
        self.resize = resize
        self.size = shards.side
        self.device = device
        self.base = read_score(base) if base else None
        self.base_arrays = dict(read_arrays(base)) if base else {}
        self.pairs = read_label_pairs(pairs) or []
        self.fixations = read_fixations(fixations) if fixations else None
        self._shards = shards
        self._store = store
        self._workers = workers

    def chunks(self, batch_size: int) -> Iterator[Chunk]:
        """The measured images in order, with progress.

        Args:
            batch_size: images per chunk; the last may be smaller.

        Raises:
            UserError: the shards lack an image, or the store its map.
        """
        position = {name: row for row, name in enumerate(self._shards.image_ids)}
        try:
            rows = np.array([position[name] for name in self.records["image_id"]])
        except KeyError as error:
            raise UserError(
                f"The shards lack the image {error}: they and the records belong to different "
                "data. Delete the shards and run again."
            ) from None
        batches = eval_loader(self._shards, batch_size=batch_size, workers=self._workers, rows=rows)
        for batch in track(batches, len(rows), "images", size=lambda each: len(each.image_ids)):
            yield Chunk(
                batch.images.to(self.device, memory_format=torch.channels_last),
                batch.labels.to(self.device),
                batch.image_ids,
                self._maps(batch.image_ids, batch.labels.tolist()),
            )

    def score_maps(self, evaluation: str) -> Iterator[tuple[Any, np.ndarray]]:
        """The record of each measured image, and its map on the image's pixels (S, S) float64.

        No image is read.

        Args:
            evaluation: its name in the config, for the message.

        Raises:
            UserError: there are no maps of one class, or the store lacks one.
        """
        count = len(self.records)
        starts = track(range(0, count, MAPS), count, "maps", size=lambda at: min(MAPS, count - at))
        for start in starts:
            part = self.records.iloc[start : start + MAPS]
            maps = self._maps(part["image_id"].to_list(), part["label"].to_list())
            if maps is None:
                raise UserError(
                    f"--maps: evaluation.{evaluation} measures maps. Give a file of maps."
                )
            yield from zip(part.itertuples(), upsampled(maps.numpy(), self.size), strict=True)

    def _maps(self, names: list[str], labels: list[int]) -> Tensor | None:
        if self._store is None or self._store.kind == "counterfactual":
            return None  # such maps are of two classes: the evaluation computes its own
        kind = self._store.kind
        rows = [
            self._store.lookup(name, own_target(kind, label))
            for name, label in zip(names, labels, strict=True)
        ]
        return torch.from_numpy(np.stack([self._store.maps[row] for row in rows]))
