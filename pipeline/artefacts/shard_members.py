"""What a shard may hold: small files in pairs, an image and what is said of it.

A shard may come from elsewhere, and its manifest with it: a matching SHA-256 says only that both
have the same author. A tar may claim files that are longer than itself, links, headers as long as
a book, compressed contents of any size, and an image any number of pixels; nothing of that is
allocated or followed.
"""

import io
import json
import os
import re
import struct
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from pipeline.images.opening import ImageFault, opened

_NAME = re.compile(r"\d{1,12}\.(jpg|png|json)")
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
_LARGEST_JSON = 64 * 1024  # bytes of an image's name and label
_PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
# JPEG's markers of a frame's header: all kinds of frames, without the tables among them
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


class Member(NamedTuple):
    """A file in a shard: its name, and where its content lies, in bytes."""

    name: str
    offset: int
    size: int

    @property
    def is_image(self) -> bool:
        """Whether it is the image of a sample, not what is said of it."""
        return not self.name.endswith(".json")

    def content(self, shard: BinaryIO) -> bytes:
        """What it holds."""
        shard.seek(self.offset)
        return shard.read(self.size)


def members(shard: BinaryIO, side: int) -> Iterator[Member]:
    """The files of an open shard in its order; their contents are not read.

    Args:
        shard: a file, may be read between two members.
        side: of the stored images, pixels.

    Raises:
        ValueError: it holds something else.
    """
    end, place = shard.seek(0, os.SEEK_END), 0
    while place < end:
        shard.seek(place)
        header = shard.read(tarfile.BLOCKSIZE)
        if not header.strip(b"\0"):
            return  # its end
        try:
            # not tarfile's own loop, which reads headers of any length and kind
            found = tarfile.TarInfo.frombuf(header, "utf-8", "replace")
        except tarfile.HeaderError as error:
            raise ValueError(f"no tar: {error}") from error
        member = Member(found.name, place + tarfile.BLOCKSIZE, found.size)
        if not _NAME.fullmatch(member.name) or found.type not in _FILES:
            raise ValueError(f"{member.name[:80]!r} is no file of a sample")
        largest = largest_image(side) if member.is_image else _LARGEST_JSON
        if not 0 <= member.size <= largest:
            raise ValueError(f"{member.name} claims {member.size} bytes, of at most {largest}")
        if member.offset + member.size > end:
            raise ValueError(f"it ends within {member.name}")
        yield member
        blocks = -(-member.size // tarfile.BLOCKSIZE)
        place = member.offset + blocks * tarfile.BLOCKSIZE


def largest_image(side: int) -> int:
    """Bytes that an encoded image of ``side`` x ``side`` pixels never has."""
    return 8 * side**2 + 64 * 1024


def parsed(content: bytes) -> dict[str, Any]:
    """What a shard says of a sample: an object with its ``image_id`` and ``label``.

    Raises:
        ValueError: it says nothing of that kind.
    """
    try:
        about = json.loads(content)
    except RecursionError as error:
        raise ValueError("JSON of endless depth") from error
    if not isinstance(about, dict):
        raise ValueError("a sample's JSON is no object")
    if not isinstance(about.get("image_id"), str) or type(about.get("label")) is not int:
        raise ValueError("a sample's JSON lacks image_id or label")
    return about


def check_size(encoded: bytes, side: int) -> None:
    """Raise ValueError where an image is no JPEG or PNG of side x side pixels, by its header."""
    size = _declared_size(encoded)
    if size != (side, side):
        raise ValueError(f"an image declares {size or 'no'} pixels, not {side} x {side}")


def picture(encoded: bytes, side: int) -> np.ndarray:
    """An image's pixels, uint8 RGB (side, side, 3), by Pillow and without PyTorch.

    Raises:
        ValueError: it is no JPEG or PNG of this size.
        MemoryError: there is not enough.
    """
    check_size(encoded, side)
    try:
        with opened(io.BytesIO(encoded)) as image:
            return np.array(image.convert("RGB"))
    except ImageFault as error:
        if isinstance(error.__cause__, MemoryError):
            raise error.__cause__ from error
        raise


def _declared_size(encoded: bytes) -> tuple[int, int] | None:
    """Width and height in the header of a PNG or JPEG; None of anything else."""
    try:
        if encoded.startswith(_PNG):
            return struct.unpack_from(">II", encoded, 16)
        if not encoded.startswith(JPEG):
            return None
        place = 2
        while encoded[place] == 0xFF:
            if encoded[place + 1] == 0xFF:  # a filler
                place += 1
                continue
            if encoded[place + 1] in _FRAMES:
                height, width = struct.unpack_from(">HH", encoded, place + 5)
                return width, height
            place += 2 + int.from_bytes(encoded[place + 2 : place + 4], "big")
    except (IndexError, struct.error):  # it ends before
        pass
    return None
