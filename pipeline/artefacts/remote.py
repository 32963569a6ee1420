"""Shards that lie elsewhere, behind a URL: fetched one by one into a cache and verified there.

WebDataset opens the addresses (`webdataset.gopen`: curl for http, gsutil for gs; fsspec for s3 and
what else it knows) and keeps the files (`webdataset.cache.FileCache`). It asks only whether a file
looks like a tar, so here each must have the size and the SHA-256 that the manifest promises,
whenever it is opened.

The folder of the manifest holds `samples.parquet`, the image and the label of every sample in the
stored order, made from the records: what is to be read is known before the first shard comes.
"""

import errno
import os
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from webdataset.cache import FileCache
from webdataset.gopen import gopen, gopen_schemes

from pipeline.artefacts.caches import cache_of
from pipeline.artefacts.files import read_json, reason, sha256
from pipeline.artefacts.parquet import read_table
from pipeline.artefacts.paths import SAMPLES
from pipeline.runtime.errors import UserError

SAMPLE = pa.schema({"image_id": pa.string(), "label": pa.int64()})  # its columns
TRIES = 4  # of each file: servers drop connections
PAUSE = 1.0  # seconds before the second try, twice as many before each further one
# exit status of curl -> what it means, and whether another try may help
_CURL = {
    "6": ("its host has no address", False),
    "7": ("no server answers there", True),
    "18": ("the connection ended too early", True),
    "22": ("the server has no such file, or refuses it", False),
    "28": ("the server does not answer in time", True),
    "52": ("the server closed the connection", True),
    "56": ("the connection broke", True),
}


@dataclass(frozen=True)
class Shard:
    """A shard as its manifest lists it: address, samples, size in bytes, SHA-256."""

    url: str
    count: int
    size: int
    checksum: str

    def fault(self, path: str | Path) -> str | None:
        """What is wrong with a fetched copy, if anything is."""
        found = Path(path).stat().st_size
        if found != self.size:
            return f"it has {found} bytes instead of {self.size}"
        return None if sha256(path) == self.checksum else "its SHA-256 differs from the manifest's"


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
    labels: Tensor
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
        expected = self.image_ids[index], int(self.labels[index])
        found = about.get("image_id"), about.get("label")
        if found != expected:
            raise of_other_records(url, f"image {index} is {found}, not {expected}")

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


class VerifiedCache(FileCache):
    """WebDataset's cache of files, of which each is what the manifest says.

    Other jobs and workers may share its folder; where it is kept small, they remove each other's
    copies, even those that were just found.
    """

    def __init__(self, shards: Iterable[Shard], folder: Path, size: int = 0) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_keep("copies", folder, error) from error
        super().__init__(
            str(folder),
            url_to_name=_name_of,
            validator=None,
            handler=_open_again,
            cache_size=size or -1,
        )
        self._shards = {shard.url: shard for shard in shards}

    def get_file(self, url: str) -> str:
        """The path of the verified copy; fetched again where it is damaged.

        Raises:
            UserError: it cannot be fetched or kept, or is not what the manifest promises.
        """
        shard = self._shards[url]
        why = ""
        for number in range(TRIES):
            if number:
                time.sleep(PAUSE * 2 ** (number - 1))
            try:
                path = super().get_file(url)
                fault = shard.fault(path)
            except (OSError, ValueError, ImportError) as error:
                if not self._is_of_copies(error):
                    why, again = _reason(error, url)
                elif isinstance(error, FileNotFoundError):
                    why, again = f"its copy in {self.cache_dir} was removed meanwhile", True
                else:
                    raise _cannot_keep(url, self.cache_dir, error) from error
                if not again:
                    break
                continue
            finally:
                self._remove_part(url)
            if fault is None:
                return path
            why = fault
            Path(path).unlink(missing_ok=True)
        raise UserError(
            f"{url}: {why}. Put the shard of the manifest there (or a new manifest, and delete the "
            f"copy next to {self.cache_dir}), see that the server answers, and run again: what was "
            "fetched is kept."
        )

    def _is_of_copies(self, error: Exception) -> TypeGuard[OSError]:
        """Whether it is an error of the folder here, not of the address."""
        if not isinstance(error, OSError):
            return False
        here = Path(str(error.filename)).is_relative_to(self.cache_dir)
        return here or error.errno in (errno.ENOSPC, errno.EDQUOT)

    def _remove_part(self, url: str) -> None:
        """Remove what a fetch that failed left; the name is WebDataset's."""
        with suppress(OSError):
            Path(self.cache_dir, f"{_name_of(url)}.temp{os.getpid()}").unlink()


def _cannot_keep(what: str, folder: str | Path, error: OSError) -> UserError:
    return UserError(f"Cannot keep {what} in {folder}: {reason(error, 'shards.cache')}")


def _open_again(error: Exception) -> bool:
    """A copy that was removed between its check and its opening is fetched again."""
    if isinstance(error, FileNotFoundError):
        return True
    raise error


def _name_of(url: str) -> str:
    return url.rpartition("/")[2]


def fetch(url: str) -> bytes:
    """The contents of a small file.

    Raises:
        UserError: it cannot be fetched.
    """
    why = ""
    for number in range(TRIES):
        if number:
            time.sleep(PAUSE * 2 ** (number - 1))
        try:
            with gopen(url) as stream:
                return stream.read()
        except (OSError, ValueError, ImportError) as error:
            why, again = _reason(error, url)
            if not again:
                break
    raise UserError(f"{url}: {why}. Check `shards.url` of the data set and run again.")


def _by_fsspec(url: str, mode: str = "rb", bufsize: int = 8192) -> Any:
    """Open what WebDataset has no program for."""
    import fsspec

    return fsspec.open(url, mode).open()


gopen_schemes["__default__"] = _by_fsspec  # its table of openers, made to be extended


def _reason(error: Exception, url: str) -> tuple[str, bool]:
    """Why a file could not be fetched, in words, and whether another try may help."""
    if isinstance(error, ImportError):
        return f"a package for {url.partition(':')[0]}:// is missing ({error})", False
    if isinstance(error, FileNotFoundError):
        program = f"the program {error.filename} is missing" if error.filename else "no such file"
        return program, False
    status = re.search(r"exit (\d+) \(read\)", str(error))
    if status is None:
        return f"it cannot be fetched ({error})", True
    return _CURL.get(status[1], (f"it cannot be fetched (exit status {status[1]})", True))


def is_remote(manifest: Mapping[str, Any]) -> bool:
    """Whether the shards of a manifest lie elsewhere."""
    return "url" in manifest


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
            labels=torch.from_numpy(samples["label"].to_numpy(np.int64, copy=True)),
            cache=cache.folder,
            cache_bytes=cache.size,
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise UserError(f"{path} is broken ({error}). Delete it and run again.") from error
    if found.first[-1] != found.count:
        raise UserError(f"{path} and {SAMPLES} do not belong together. Delete both and run again.")
    return found


def listed(manifest: Mapping[str, Any], url: str) -> list[Shard]:
    """The shards that a manifest lists, next to it at ``url``.

    Raises:
        KeyError, TypeError, ValueError: it is no manifest of shards.
    """
    entries = manifest["shards"]
    names = [str(entry["name"]) for entry in entries]
    if any(Path(name).name != name for name in names) or len(set(names)) != len(names):
        raise ValueError("its shards have no names of files")
    return [
        Shard(f"{url}/{name}", int(entry["count"]), int(entry["bytes"]), str(entry["sha256"]))
        for name, entry in zip(names, entries, strict=True)
    ]
