"""The part maps of a data set's test images: which part of the bird each pixel belongs to.

The stage `pipeline.cues` draws them. Source: section 5.2 of the paper.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.artefacts import hdf5
from pipeline.runtime.errors import UserError

# part ids, as stored; 0 is the background
PARTS = {1: "head", 2: "back", 3: "belly", 4: "breast", 5: "tail", 6: "leg", 7: "wing"}
HEAD, BACK, BELLY, BREAST, TAIL, LEG, WING = PARTS


@dataclass(frozen=True)
class PartMaps:
    """The label maps of N test images.

    Attributes:
        image_ids: N names.
        labels: (N, S, S) uint8, part ids 1..7 and 0 for the background, estimated.
        visible: (N, 7) bool, which parts have a visible keypoint.
        truth: (N, S, S) uint8, the true parts, where the data set knows them.
        foreground: how many images have which kind of foreground.
    """

    image_ids: list[str]
    labels: "np.ndarray | StoredMaps"
    visible: np.ndarray
    truth: "np.ndarray | StoredMaps | None"
    foreground: dict[str, int]

    def save(self, path: str | Path) -> None:
        """Write HDF5: /image_id, /part_maps, /visible, /true_parts; equal maps, equal bytes."""
        with hdf5.create(path) as file:
            file["image_id"] = np.array(self.image_ids, dtype=h5py.string_dtype())
            file["visible"] = self.visible
            file.attrs["foreground"] = json.dumps(self.foreground, sort_keys=True)
            for name, maps in (("part_maps", self.labels), ("true_parts", self.truth)):
                if maps is not None:
                    chunks = (1, *maps.shape[1:])
                    file.create_dataset(name, data=maps, chunks=chunks, compression="gzip")

    @classmethod
    def load(cls, path: str | Path) -> "PartMaps":
        """Read what :meth:`save` wrote; UserError if the file is missing or broken."""
        with cls.open(path) as maps:
            truth = None if maps.truth is None else maps.truth[:]
            return replace(maps, labels=maps.labels[:], truth=truth)

    @classmethod
    @contextmanager
    def open(cls, path: str | Path) -> Iterator["PartMaps"]:
        """What :meth:`save` wrote, its label maps read from the file whenever they are indexed.

        Of a large split they do not fit into memory. An index is a row, a slice or ascending rows.

        Raises:
            UserError: the file is missing or broken, also where that shows when it is indexed.
        """
        with ExitStack() as stack:
            try:
                file = stack.enter_context(hdf5.open_checked(path))
                maps = cls(
                    image_ids=list(file["image_id"].asstr()),
                    labels=StoredMaps(path, file["part_maps"]),
                    visible=file["visible"][:],
                    truth=StoredMaps(path, file["true_parts"]) if "true_parts" in file else None,
                    foreground=json.loads(file.attrs["foreground"]),
                )
            except (OSError, KeyError) as error:
                raise _unreadable(path, error) from error
            yield maps


class StoredMaps:
    """Label maps (N, S, S) uint8 in an open file, where damage becomes a UserError."""

    def __init__(self, path: str | Path, dataset: h5py.Dataset) -> None:
        self._path = path
        self._dataset = dataset
        self.shape: tuple[int, ...] = dataset.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, index: Any) -> np.ndarray:
        try:
            return self._dataset[index]
        except OSError as error:
            raise _unreadable(self._path, error) from error


def _unreadable(path: str | Path, error: Exception) -> UserError:
    return UserError(f"Cannot read the part maps {path} ({error}). Run the cues stage again.")


def part_table(parts: Iterable[int]) -> np.ndarray:
    """A (256,) bool table that is True at the part ids ``parts``: index it with a label map."""
    table = np.zeros(256, dtype=bool)
    table[list(parts)] = True
    return table
