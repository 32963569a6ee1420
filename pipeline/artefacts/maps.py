"""Attribution maps, one HDF5 file per (model, method): whole or absent, checked when read.

Layout: ``/maps`` (N, h, w) float32 at the model's own resolution, ``/image_id`` (N,) and
``/target`` (N,) UTF-8 text (as in `pipeline.artefacts.targets`), ``/class_probability``
(N,) float32, and attributes: method, targets (their kind), units, and where the maps come from.
Maps at the input's resolution are 60 times as large: they are stored as float16
fractions of their own maximum, which is in ``/scale`` (N,) float32, so that no map is too small for
half precision.
The maps may be in several files (`pipeline.artefacts.map_parts`): then ``/maps`` is virtual.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.artefacts import hdf5
from pipeline.artefacts.integrity import damaged
from pipeline.artefacts.map_parts import check_parts
from pipeline.runtime.errors import UserError

_CHUNK_BYTES = 64 * 1024  # a few maps: one map can be read without reading many others


class Writer:
    """Fills the rows of a new store; made by :meth:`MapStore.create`."""

    def __init__(self, file: hdf5.NewFile, rows: Sequence[tuple[str, str]], method: str) -> None:
        self._file = file
        self._rows = rows
        self._method = method
        self._written = np.zeros(len(rows), dtype=bool)

    def write(self, start: int, maps: np.ndarray, probabilities: np.ndarray | None) -> None:
        """Write rows ``start``, ``start + 1``, ...

        Args:
            start: first row.
            maps: (K, h, w).
            probabilities: (K,) p(y|x) of the targets, or their sum or difference; None: no model
                says it, and NaN is stored.

        Raises:
            UserError: a map or a probability is not finite; the message names image and method.
            ValueError: the rows do not exist.
        """
        stop = start + len(maps)
        known = np.zeros(len(maps)) if probabilities is None else probabilities
        if start < 0 or stop > len(self._rows) or len(known) != len(maps):
            raise ValueError(
                f"rows {start}..{stop - 1} of {len(self._rows)}, "
                f"{len(maps)} maps, {len(known)} probabilities"
            )
        finite = np.isfinite(maps).all(axis=(1, 2)) & np.isfinite(known)  # (K,)
        if not finite.all():
            image, target = self._rows[start + int(np.argmin(finite))]
            raise UserError(
                f"Method {self._method!r} gave a map that is not finite (NaN or infinite) for "
                f"image {image}, target {target!r}. The weights have most likely diverged: look "
                "at the training's history, lower `lr` and train again."
            )
        if "scale" in self._file:
            scale = np.abs(maps).max(axis=(1, 2)).astype(np.float32)  # (K,)
            self._file["scale"][start:stop] = scale
            maps = maps / np.where(scale > 0, scale, 1)[:, None, None]
        self._file["maps"][start:stop] = maps
        self._file["class_probability"][start:stop] = np.nan if probabilities is None else known
        self._file.check_written()
        self._written[start:stop] = True

    def check_complete(self) -> None:
        """Raise ValueError if a row has not been written."""
        if not self._written.all():
            raise ValueError(f"row {int(np.argmin(self._written))} has not been written")


class MapStore:
    """The maps of one method, read only.

    Attributes:
        path: the file.
        maps: (N, h, w) float32, read from the file when sliced as in NumPy; raises UserError where
            the file is damaged.
        image_ids: (N,) str.
        targets: (N,) str.
        class_probability: (N,) float32, p(y|x) of a class target; the sum of a superset; 1 for the
            prior; p(y|x) - p(y'|x) of a counterfactual.
        scale: (N,) float32, largest magnitude of each map stored in half precision; else None.
        attributes: method, targets, units and anything else that the writer recorded.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file
        self.scale: np.ndarray | None = file["scale"][:] if "scale" in file else None
        self.maps = _Maps(path, file["maps"], self.scale)
        self.image_ids: np.ndarray = file["image_id"].asstr()[:]
        self.targets: np.ndarray = file["target"].asstr()[:]
        self.class_probability: np.ndarray = file["class_probability"][:]
        self.attributes: dict[str, Any] = dict(file.attrs)
        lengths = {len(self.image_ids), len(self.targets), len(self.class_probability)}
        if lengths != {len(self.maps)} or len(self.maps.shape) != 3:
            raise ValueError("columns of different length")
        self._row = {
            key: row for row, key in enumerate(zip(self.image_ids, self.targets, strict=True))
        }

    @staticmethod
    @contextmanager
    def create(
        path: str | Path,
        *,
        rows: Sequence[tuple[str, str]],
        shape: tuple[int, int],
        method: str,
        targets: str,
        units: str,
        attributes: Mapping[str, str | int | float],
        half: bool = False,
    ) -> Iterator[Writer]:
        """Create a store; it appears at ``path`` when the block ends, or not at all.

        Args:
            path: where to.
            rows: (image id, target) of each row.
            shape: (h, w) of a map.
            method: name of the attribution method.
            targets: what the maps explain, one of :data:`pipeline.artefacts.targets.KINDS`.
            units: what a value of a map is.
            attributes: provenance, stored with method, targets and units.
            half: store float16 of each map's own maximum (11 bits) instead of float32.

        Raises:
            ValueError: the block ended before all rows were written.
            UserError: the file cannot be written.
        """
        height, width = shape
        kind = np.dtype(np.float16 if half else np.float32)
        chunk = max(1, min(len(rows), _CHUNK_BYTES // (kind.itemsize * height * width)))
        with hdf5.create(path) as file:
            file.attrs.update({"method": method, "targets": targets, "units": units, **attributes})
            file.create_dataset(
                "maps",
                shape=(len(rows), height, width),
                chunks=(chunk, height, width) if rows else True,
                dtype=kind,
                compression="lzf",
                fletcher32=True,
                track_times=False,
            )
            write_columns(file, rows)
            for name in ("class_probability", "scale")[: 2 if half else 1]:
                file.create_dataset(name, shape=len(rows), dtype=np.float32, track_times=False)
            writer = Writer(file, rows, method)
            yield writer
            writer.check_complete()

    @classmethod
    def open(cls, path: str | Path) -> "MapStore":
        """Open a store.

        Raises:
            UserError: the file is missing, no store of maps, or damaged (it is moved aside).
        """
        path = Path(path)
        if not path.is_file():
            raise UserError(f"{path} is missing. Run the attribution stage.")
        file = hdf5.open_checked(path)
        try:
            check_parts(path, file)
            return cls(path, file)
        except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
            raise UserError(
                f"{path} is not a store of attribution maps ({error}). Delete it and run again."
            ) from error

    @property
    def kind(self) -> str:
        """What the maps explain, one of :data:`pipeline.artefacts.targets.KINDS`."""
        return str(self.attributes["targets"])

    def lookup(self, image_id: str, target: str) -> int:
        """The row of an image's map.

        Raises:
            UserError: there is none; the message names both.
        """
        try:
            return self._row[image_id, target]
        except KeyError:
            raise UserError(
                f"{self.path} has no map of image {image_id!r} for target {target!r}. It belongs "
                "to other records or pairs: delete it and run again."
            ) from None

    def close(self) -> None:
        """Close the file; ``maps`` cannot be read afterwards."""
        self._file.close()

    def __enter__(self) -> "MapStore":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Maps:
    """``/maps``: sliced from the file as in NumPy, where damage becomes a UserError.

    An index is a row, a slice of rows or ascending rows; maps come as float32.
    """

    def __init__(self, path: Path, dataset: h5py.Dataset, scale: np.ndarray | None) -> None:
        self._path = path
        self._dataset = dataset
        self._scale = scale
        self.shape: tuple[int, ...] = dataset.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        try:
            maps = self._dataset[index]
        except OSError as error:
            raise damaged(self._path, str(error)) from error
        if self._scale is None:
            return maps
        return maps.astype(np.float32) * self._scale[index, ..., None, None]


def write_columns(file: h5py.File, rows: Sequence[tuple[str, str]]) -> None:
    """Write ``/image_id`` and ``/target`` of the (image id, target) of each row."""
    for place, name in enumerate(("image_id", "target")):
        column = _utf8([row[place] for row in rows])
        file.create_dataset(name, data=column, track_times=False)


def _utf8(texts: Sequence[str]) -> np.ndarray:
    """Texts as an array of fixed-length UTF-8, which HDF5 stores without a heap."""
    encoded = [text.encode() for text in texts]
    longest = max(map(len, encoded), default=1)
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", longest))
