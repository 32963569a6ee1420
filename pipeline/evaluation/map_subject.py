"""Stored maps as an evaluation receives them that asks no model; without PyTorch."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.artefacts.fixations import read_fixations
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.targets import own_target
from pipeline.evaluation.result import Result as Result
from pipeline.images.enlarging import upsampled
from pipeline.runtime.errors import UserError
from pipeline.runtime.progress import track

MAPS = 64  # maps resized at once


class MapSubject:
    """The maps of one method, and the images of a split that are measured.

    Attributes:
        method: name of the method; "model" without maps.
        records: of the measured images, in the order of the shards.
        size: side of a stored image, pixels.
        resize: ``images.resize`` of the shards, for `pipeline.images.geometry`.
        fixations: of the data set, where the evaluation reads them.
    """

    def __init__(
        self,
        method: str,
        records: pd.DataFrame,
        store: MapStore | None,
        *,
        size: int,
        resize: str = "square",
        fixations: Path | None = None,
    ) -> None:
        self.method = method
        self.records = records
        self.size = size
        self.resize = resize
        self.fixations = read_fixations(fixations) if fixations else None
        self._store = store

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
            yield from zip(part.itertuples(), upsampled(maps, self.size), strict=True)

    def _maps(self, names: Sequence[str], labels: Sequence[int]) -> np.ndarray | None:
        """(B, h, w) float32, of each image's own label; None without maps of one class."""
        if self._store is None or self._store.kind == "counterfactual":
            return None  # such maps are of two classes: the evaluation computes its own
        kind = self._store.kind
        rows = [
            self._store.lookup(name, own_target(kind, label))
            for name, label in zip(names, labels, strict=True)
        ]
        return np.stack([self._store.maps[row] for row in rows])
