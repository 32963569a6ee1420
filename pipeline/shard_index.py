"""Shards verified against their manifest, and every sample readable by its index.

WebDataset's own reader yields fewer samples where a shard holds garbage, and none where it is all
zeros, without an error: here a shard's checksum and counts are verified before its first use.
"""

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

from pipeline import files
from pipeline.errors import UserError


@dataclass(frozen=True, eq=False)
class Shards:
    """The N samples of a split, each readable by its index in the stored order.

    Attributes:
        side: side of the stored images, pixels.
        labels: (N,) int64.
        image_ids: N of them.
        paths: one a shard.
        shard: (N,) index of each sample's shard; ascending.
        span: (N, 2) offset and length of each sample's image in its shard, bytes.
    """

    side: int
    labels: Tensor
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
        of_class = [np.flatnonzero(self.labels == label)[:count] for label in self.labels.unique()]
        rows = np.sort(np.concatenate(of_class)) if of_class else np.arange(0)
        return replace(
            self,
            labels=self.labels[rows],
            image_ids=[self.image_ids[row] for row in rows],
            shard=self.shard[rows],
            span=self.span[rows],
        )

    def image(self, index: int) -> Tensor:
        """Decode a sample's image: uint8 RGB (3, side, side).

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
            raise UserError(f"{path} became shorter while it was in use. Run again.")
        encoded = torch.frombuffer(bytearray(stored), dtype=torch.uint8)
        try:
            return decode_image(encoded, ImageReadMode.RGB)
        except RuntimeError as error:
            raise UserError(f"{path} was changed while it was in use. Run again.") from error


def open_shards(manifest_path: str | Path) -> Shards:
    """Verify every shard of a manifest (existence, size, SHA-256, counts) and index its samples.

    Raises:
        UserError: a shard is missing or is not what was written, or the manifest is broken; the
            message names the file and the cure.
    """
    manifest_path = Path(manifest_path)
    manifest = files.read_json(manifest_path)
    cure = f"Delete {manifest_path} and run again: the shards will be written anew."
    try:
        side, count = int(manifest["side"]), int(manifest["count"])
        entries = [
            (manifest_path.parent / entry["name"], entry["count"], entry["bytes"], entry["sha256"])
            for entry in manifest["shards"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{manifest_path} is not a manifest of shards. {cure}") from error
    labels, image_ids, shard, span = [], [], [], []
    for number, (path, samples, size, checksum) in enumerate(entries):
        try:
            with open(path, "rb") as stream:
                _verify(path, stream, size, checksum, cure)
                found = list(_index(stream))
        except OSError as error:
            raise UserError(f"Cannot read {path}: {error.strerror}. {cure}") from error
        except (tarfile.TarError, ValueError) as error:
            raise UserError(f"{path} does not hold samples ({error}). {cure}") from error
        if len(found) != samples:
            raise UserError(f"{path} holds {len(found)} samples instead of {samples}. {cure}")
        for about, place in found:
            labels.append(about["label"])
            image_ids.append(about["image_id"])
            span.append(place)
            shard.append(number)
    if len(image_ids) != count:
        raise UserError(
            f"{manifest_path} promises {count} samples, its shards hold {len(image_ids)}. {cure}"
        )
    return Shards(
        side=side,
        labels=torch.tensor(labels, dtype=torch.int64),
        image_ids=image_ids,
        paths=[path for path, *_ in entries],
        shard=np.array(shard, dtype=np.int64),
        span=np.array(span, dtype=np.int64).reshape(-1, 2),
    )


def _verify(path: Path, stream: BinaryIO, size: int, checksum: str, cure: str) -> None:
    """Raise UserError unless the open shard has the size and the SHA-256 of the manifest."""
    found = os.fstat(stream.fileno()).st_size
    if found != size:
        raise UserError(f"{path} has {found} bytes instead of {size}. {cure}")
    if hashlib.file_digest(stream, "sha256").hexdigest() != checksum:
        raise UserError(f"{path} is damaged: its SHA-256 differs from the manifest's. {cure}")
    stream.seek(0)


def _index(stream: BinaryIO) -> Iterator[tuple[dict, tuple[int, int]]]:
    """Each sample of an open shard: its description, and (offset, length) of its image."""
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        members = iter(tar)
        for first, second in zip(members, members, strict=True):
            # a sample's two members are sorted by suffix: jpg, json or json, png
            about, image = (first, second) if first.name.endswith(".json") else (second, first)
            yield json.load(tar.extractfile(about)), (image.offset_data, image.size)
