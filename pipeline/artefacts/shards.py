"""Shards verified against their manifest, and every sample readable by its index.

Nothing here needs PyTorch, unless the shards lie elsewhere: jobs that draw images start without it.
WebDataset's own reader yields fewer samples where a shard holds garbage, and none where it is all
zeros, without an error: here a shard's checksum and counts are verified before its first use.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from pipeline.artefacts import files
from pipeline.artefacts.integrity import damaged
from pipeline.artefacts.shard_members import members, parsed, picture
from pipeline.runtime.errors import UserError, lacks_memory

if TYPE_CHECKING:  # it needs WebDataset, which imports PyTorch
    from pipeline.artefacts.remote import RemoteShards


@dataclass(frozen=True, eq=False)
class Shards:
    """The N samples of a split, each readable by its index in the stored order.

    Attributes:
        side: side of the stored images, pixels.
        labels: (N,) int64.
        image_ids: N of them.
        paths: one per shard.
        shard: (N,) index of each sample's shard; ascending.
        span: (N, 2) offset and length of each sample's image in its shard, bytes.
    """

    side: int
    labels: np.ndarray
    image_ids: list[str]
    paths: list[Path]
    shard: np.ndarray
    span: np.ndarray

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.image_ids)

    def first_per_class(self, count: int) -> "Shards":
        """At most ``count`` samples of each class, the first in the stored order."""
        of_class = [
            np.flatnonzero(self.labels == label)[:count] for label in np.unique(self.labels)
        ]
        return self.select(np.sort(np.concatenate(of_class)) if of_class else np.arange(0))

    def select(self, rows: np.ndarray) -> "Shards":
        """The samples with the indices ``rows``, ascending, renumbered from 0."""
        return replace(
            self,
            labels=self.labels[rows],
            image_ids=[self.image_ids[row] for row in rows],
            shard=self.shard[rows],
            span=self.span[rows],
        )

    def encoded(self, index: int) -> bytes:
        """A sample's image as it is stored, JPEG or PNG.

        Raises:
            UserError: the shard is no longer what it was when it was opened.
        """
        path = self.paths[self.shard[index]]
        offset, length = (int(value) for value in self.span[index])
        try:
            # Opened for each read: thousands of shards would exceed the limit of open files.
            with open(path, "rb", buffering=0) as stream:
                stored = os.pread(stream.fileno(), length, offset)
        except OSError as error:
            raise UserError(f"Cannot read {path} any more: {error.strerror}. Run again.") from error
        if len(stored) != length:
            raise UserError(f"{path} was truncated while it was in use. Run again.")
        return stored

    def image(self, index: int) -> np.ndarray:
        """A sample's image: uint8 RGB (side, side, 3).

        Raises:
            UserError: as of :meth:`encoded`.
        """
        stored = self.encoded(index)
        try:
            return picture(stored, self.side)
        except (OSError, ValueError) as error:
            if lacks_memory(error):
                raise
            raise self.changed(index) from error

    def changed(self, index: int) -> UserError:
        """The error of a sample whose image cannot be decoded."""
        path = self.paths[self.shard[index]]
        return UserError(f"{path} was changed while it was in use. Run again.")


def open_shards(manifest_path: str | Path, rows: np.ndarray | None = None) -> Shards:
    """Verify the shards of a manifest (existence, size, SHA-256, counts) and index their samples.

    Shards that lie elsewhere are fetched into their cache first, those that are wanted.

    Args:
        manifest_path: of the split.
        rows: indices of the samples that are wanted, ascending, all of them if not given. They
            are renumbered from 0, and only the shards that hold them are read.

    Raises:
        UserError: a shard is missing or is not what was written, the manifest is broken, or it has
            fewer samples than ``rows`` says. The manifest is moved aside, so that the next run
            writes the shards again.
    """
    manifest_path = Path(manifest_path)
    try:
        return _open(manifest_path, rows)
    except _NotAsWrittenError as error:
        raise damaged(manifest_path, str(error)) from error


def open_training(manifest_path: str | Path) -> "Shards | RemoteShards":
    """The training images of a manifest: to be streamed where its shards lie elsewhere.

    Raises:
        UserError: as of :func:`open_shards`; of shards elsewhere while they are streamed.
    """
    path = Path(manifest_path)
    return _remote(path) if _is_remote(files.read_json(path)) else open_shards(path)


def _is_remote(manifest: Mapping[str, Any]) -> bool:
    """Whether the shards of a manifest lie elsewhere."""
    return "url" in manifest


def _remote(manifest_path: Path) -> "RemoteShards":
    from pipeline.artefacts.remote import open_remote

    return open_remote(manifest_path)


def _of_other_records(url: str, why: object) -> UserError:
    from pipeline.artefacts.remote import of_other_records

    return of_other_records(url, why)


class _NotAsWrittenError(Exception):
    """What is wrong with a shard or the manifest."""


def _open(manifest_path: Path, rows: np.ndarray | None) -> Shards:
    manifest = files.read_json(manifest_path)
    try:
        side, count = int(manifest["side"]), int(manifest["count"])
        remote = _remote(manifest_path) if _is_remote(manifest) else None
        whole = remote.whole() if remote else None
        folder = remote.cache if remote else manifest_path.parent
        entries = [
            (_in(folder, entry["name"]), entry["count"], entry["bytes"], entry["sha256"])
            for entry in manifest["shards"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise _NotAsWrittenError("not a manifest of shards") from error
    ends = np.cumsum([samples for _, samples, *_ in entries], dtype=np.int64)
    total = int(ends[-1]) if entries else 0
    rows = np.arange(total) if rows is None else rows
    if len(rows) and rows[-1] >= total:
        raise _NotAsWrittenError(f"it has {total} samples, not {rows[-1] + 1}")
    labels, image_ids, shard, span, indices = [], [], [], [], [np.arange(0)]
    for number in np.unique(np.searchsorted(ends, rows, side="right")).tolist():
        url = remote.shards[number].url if remote else ""
        if whole:
            whole.opened(url).close()  # now it is there
        samples = entries[number][1]
        try:
            found = _samples(side, *entries[number])
        except _NotAsWrittenError as error:
            if remote:  # the manifest says so too: to fetch both again would not help
                raise _of_other_records(url, error) from error
            raise
        for index, (about, place) in enumerate(found, ends[number] - samples):
            if remote:
                remote.check(url, index, about)
            labels.append(about["label"])
            image_ids.append(about["image_id"])
            span.append(place)
            shard.append(number)
        indices.append(np.arange(ends[number] - samples, ends[number]))
    if total != count:
        raise _NotAsWrittenError(f"it promises {count} samples, its shards hold {total}")
    read = Shards(
        side=side,
        labels=np.array(labels, dtype=np.int64),
        image_ids=image_ids,
        paths=[path for path, *_ in entries],
        shard=np.array(shard, dtype=np.int64),
        span=np.array(span, dtype=np.int64).reshape(-1, 2),
    )
    return read.select(np.searchsorted(np.concatenate(indices), rows))


def _in(folder: Path, name: str) -> Path:
    """The shard ``name``; ValueError if that is not the name of a file in the folder."""
    if name in ("", "..") or Path(name).name != name:
        raise ValueError(f"{name!r} is not a file name")
    return folder / name


def _samples(
    side: int, path: Path, samples: int, size: int, checksum: str
) -> list[tuple[dict, tuple[int, int]]]:
    """The samples of a shard as :func:`_index` gives them, if it is as written."""
    try:
        with open(path, "rb") as stream:
            _verify(path, stream, size, checksum)
            found = list(_index(stream, side))
    except OSError as error:
        raise _NotAsWrittenError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise _NotAsWrittenError(f"{path} does not hold samples: {error}") from error
    if len(found) != samples:
        raise _NotAsWrittenError(f"{path} holds {len(found)} samples instead of {samples}")
    return found


def _verify(path: Path, stream: BufferedReader, size: int, checksum: str) -> None:
    """Check that the open shard has the size and the SHA-256 of the manifest."""
    found = os.fstat(stream.fileno()).st_size
    if found != size:
        raise _NotAsWrittenError(f"{path} has {found} bytes instead of {size}")
    if hashlib.file_digest(stream, "sha256").hexdigest() != checksum:
        raise _NotAsWrittenError(f"{path} is damaged: its SHA-256 differs from the manifest's")
    stream.seek(0)


def _index(stream: BinaryIO, side: int) -> Iterator[tuple[dict, tuple[int, int]]]:
    """Each sample of an open shard: its description, and (offset, length) of its image."""
    pairs = members(stream, side)
    for one, other in zip(pairs, pairs, strict=True):
        # a sample's two files are sorted by suffix: jpg, json or json, png
        image, about = (one, other) if one.is_image else (other, one)
        yield parsed(about.content(stream)), (image.offset, image.size)
