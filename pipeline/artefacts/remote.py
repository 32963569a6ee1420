"""Shards that lie elsewhere, behind a URL: fetched one by one into a cache and verified there.

WebDataset asks only whether a file looks like a tar, so here each must have the size and the
SHA-256 that the manifest promises, whenever it is opened.

The folder of the manifest holds `samples.parquet`, the image and the label of every sample in the
stored order, made from the records: what is to be read is known before the first shard comes.
"""

import errno
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pyarrow as pa
from webdataset.cache import LRUCleanup

from pipeline.artefacts import fetching
from pipeline.artefacts.caches import cache_of
from pipeline.artefacts.files import read_json, reason
from pipeline.artefacts.parquet import read_table
from pipeline.artefacts.paths import SAMPLES
from pipeline.runtime.errors import UserError

SAMPLE = pa.schema({"image_id": pa.string(), "label": pa.int64()})  # its columns
# what a shard may be called: a name of a file, and nothing to curl, to a shell or to a cache
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
_SHOWN = 200  # characters of what a shard says of itself


@dataclass(frozen=True)
class Shard:
    """A shard as its manifest lists it: address, samples, size in bytes, SHA-256."""

    url: str
    count: int
    size: int
    checksum: str

    def fault(self, copy: BufferedReader) -> str | None:
        """What is wrong with an open copy, if anything is; it is read from its start."""
        found = os.fstat(copy.fileno()).st_size
        if found > self.size:  # no more of it was fetched
            return f"it has more than the {self.size} bytes that the manifest promises"
        if found < self.size:
            return f"it has {found} bytes instead of {self.size}"
        if hashlib.file_digest(copy, "sha256").hexdigest() != self.checksum:
            return "its SHA-256 differs from the manifest's"
        copy.seek(0)
        return None


@dataclass(frozen=True, eq=False)
class RemoteShards:
    """The samples of a split whose shards lie elsewhere.

    Attributes:
        side: side of the stored images, pixels.
        shards: in the stored order.
        image_ids: of the N samples, in that order.
        labels: (N,) int64.
        cache: folder of the fetched copies.
        cache_bytes: the oldest copies go where they are more; 0: they are all kept.
    """

    side: int
    shards: list[Shard]
    image_ids: list[str]
    labels: np.ndarray
    cache: Path
    cache_bytes: int

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.image_ids)

    @cached_property
    def first(self) -> np.ndarray:
        """(shards + 1,) index of the first sample of each shard, and N."""
        return np.cumsum([0, *(shard.count for shard in self.shards)])

    def check(self, url: str, index: int, about: Mapping[str, Any]) -> None:
        """Compare what a shard says of a sample with the records.

        Args:
            url: of the shard.
            index: of the sample in the stored order.
            about: its image_id and label.

        Raises:
            IndexError: there is no such sample.
            UserError: it is another.
        """
        if not 0 <= index < self.count:
            raise IndexError(f"there is no image {index}")
        expected = self.image_ids[index], int(self.labels[index])
        found = about.get("image_id"), about.get("label")
        if found != expected:
            said = f"{found}"[:_SHOWN]
            raise of_other_records(url, f"image {index} is {said}, not {expected}")

    def whole(self) -> "VerifiedCache":
        """A cache that keeps every copy, for reading at random."""
        return VerifiedCache(self.shards, self.cache)

    def opener(self) -> "VerifiedCache":
        """The stage of a pipeline of WebDataset that opens these shards."""
        return VerifiedCache(self.shards, self.cache, self.cache_bytes)


def of_other_records(url: str, why: object) -> UserError:
    """The error of a shard that does not belong to the records of the study."""
    return UserError(
        f"{url} does not hold the samples of this study's records ({why}). Shards and records must "
        "come from the same data with the same keys of `records`."
    )


class VerifiedCache:
    """A folder of copies, of which each is what the manifest says; a stage of WebDataset.

    Other jobs, workers and users may share the folder; where it is kept small, they remove each
    other's copies, even those that were just found. So a copy is verified as it is open: what is
    read then is what was verified.
    """

    def __init__(self, shards: Iterable[Shard], folder: Path, size: int = 0) -> None:
        """As `RemoteShards.cache` and ``cache_bytes``.

        Raises:
            UserError: the folder cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_keep("copies", folder, error) from error
        self.folder = folder
        self.cleaner = LRUCleanup(str(folder), size) if size else None
        self._shards = {shard.url: shard for shard in shards}

    def __call__(self, shards: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """WebDataset's open files of its list of shards."""
        for shard in shards:
            with self.opened(shard["url"]) as stream:
                yield {"url": shard["url"], "stream": stream}

    def opened(self, url: str) -> BufferedReader:
        """The verified copy, open at its start; fetched again where it is damaged.

        Raises:
            UserError: it cannot be fetched or kept, or is not what the manifest promises.
        """
        shard, path = self._shards[url], self.folder / url.rpartition("/")[2]
        why = ""
        for _ in fetching.tries():
            try:
                stream = self._open(shard, path)
                if (fault := shard.fault(stream)) is None:
                    return stream
                stream.close()
                path.unlink(missing_ok=True)
                why = fault
            except (OSError, ValueError, ImportError) as error:
                if not self._is_of_copies(error):
                    why, again = fetching.reason_of(error, url)
                    if not again:
                        break
                elif isinstance(error, FileNotFoundError):
                    why = f"its copy in {self.folder} was removed meanwhile"
                else:
                    raise _cannot_keep(url, self.folder, error) from error
        raise UserError(
            f"{url}: {why}. Put the shard of the manifest there (or a new manifest, and delete the "
            f"copy next to {self.folder}), see that the server answers, and run again: what was "
            "fetched is kept."
        )

    def _open(self, shard: Shard, path: Path) -> BufferedReader:
        if not path.exists():
            if self.cleaner is not None:
                self.cleaner.cleanup()
            fetching.fetch_into(shard.url, path, shard.size)
        return open(path, "rb", opener=_without_waiting)

    def _is_of_copies(self, error: Exception) -> TypeGuard[OSError]:
        """Whether it is an error of the folder here, not of the address."""
        if not isinstance(error, OSError):
            return False
        here = Path(str(error.filename)).is_relative_to(self.folder)
        return here or error.errno in (errno.ENOSPC, errno.EDQUOT)


def _without_waiting(path: str, flags: int) -> int:
    """Open what may be a pipe that another user put there."""
    return os.open(path, flags | os.O_NONBLOCK)


def _cannot_keep(what: str, folder: str | Path, error: OSError) -> UserError:
    return UserError(f"Cannot keep {what} in {folder}: {reason(error, 'shards.cache')}")


def open_remote(manifest_path: str | Path) -> RemoteShards:
    """The samples of a split whose shards lie elsewhere; no shard is read.

    Args:
        manifest_path: the copy of the manifest, by `pipeline.sharding.remote`.

    Raises:
        UserError: the copy is broken.
    """
    path = Path(manifest_path)
    manifest = read_json(path)
    samples = read_table(path.with_name(SAMPLES), SAMPLE).to_pandas(use_threads=False)
    cache = cache_of(path)
    try:
        found = RemoteShards(
            side=int(manifest["side"]),
            shards=listed(manifest, manifest["url"]),
            image_ids=samples["image_id"].tolist(),
            labels=samples["label"].to_numpy(np.int64, copy=True),
            cache=cache.folder,
            cache_bytes=cache.size,
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise UserError(f"{path} is broken ({error}). Delete it and run again.") from error
    if found.first[-1] != found.count:
        raise UserError(f"{path} and {SAMPLES} do not belong together. Delete both and run again.")
    return found


def listed(manifest: Mapping[str, Any], url: str) -> list[Shard]:
    """The shards that a manifest lists, next to it at ``url``.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: it is no manifest of shards.
    """
    shards, names = [], set()
    for entry in manifest["shards"]:
        name, count, size = str(entry["name"]), int(entry["count"]), int(entry["bytes"])
        if not _NAME.fullmatch(name) or name in names or min(count, size) < 0:
            raise ValueError("it lists what is no shard")
        names.add(name)
        shards.append(Shard(f"{url}/{name}", count, size, str(entry["sha256"])))
    return shards
