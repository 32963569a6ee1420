"""What an evaluation of single maps receives and returns.

An evaluation is a function ``measure(subject: Subject, section) -> Result``, or takes a
:class:`pipeline.evaluation.map_subject.MapSubject` if it asks no model. Its maps are those of each
image's own label (or its superset, or the location prior), whatever the file holds.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import read_label_pairs
from pipeline.artefacts.scores import read_arrays, read_score
from pipeline.artefacts.shards import Shards
from pipeline.evaluation.map_subject import MapSubject
from pipeline.evaluation.result import Result as Result
from pipeline.images.loading import eval_loader
from pipeline.models.study_models import Model
from pipeline.runtime.errors import UserError
from pipeline.runtime.progress import track
from pipeline.settings import Attribution


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


class Subject(MapSubject):
    """A model, its maps by one method, and the images of a split that are measured.

    It has the attributes of `MapSubject` as well.

    Attributes:
        model: in evaluation mode, without parameter gradients.
        options: of the method, for evaluations that compute further maps.
        base: score of the model without maps, where the evaluation needs one.
        base_arrays: its per-image results.
        pairs: class pairs, as labels; none where the evaluation reads none.
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
        super().__init__(
            method, records, store, size=shards.side, resize=resize, fixations=fixations
        )
        self.model = model
        self.options = options
        self.device = device
        self.base = read_score(base) if base else None
        self.base_arrays = dict(read_arrays(base)) if base else {}
        self.pairs = read_label_pairs(pairs) or []
        self._shards = shards
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
            maps = self._maps(batch.image_ids, batch.labels.tolist())
            yield Chunk(
                batch.images.to(self.device, memory_format=torch.channels_last),
                batch.labels.to(self.device),
                batch.image_ids,
                None if maps is None else torch.from_numpy(maps),
            )
