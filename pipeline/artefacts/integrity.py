"""Damaged results: found by a checksum before anything in them is used, and moved aside.

A sealed file begins with `HEADER` bytes that hold the SHA-256 of all that follows. Snakemake asks
only whether a file is there and how old it is, so that a damaged one has to go: the next run then
makes it again.
"""

import hashlib
import os
from pathlib import Path

from pipeline.runtime.errors import UserError

HEADER = 512  # bytes; the smallest user block that HDF5 allows at the start of a file
_MARK = b"sealed by sha256\n"


def seal(path: str | Path) -> None:
    """Fill in the header of a file, whose first `HEADER` bytes were left free."""
    with open(path, "r+b") as stream:
        stream.seek(HEADER)
        header = _MARK + hashlib.file_digest(stream, "sha256").digest()
        stream.seek(0)
        stream.write(header.ljust(HEADER, b"\0"))


def is_whole(path: str | Path) -> bool:
    """Whether a file is byte for byte what was sealed; OSError if it cannot be read."""
    with open(path, "rb") as stream:
        header = stream.read(HEADER)
        checksum = hashlib.file_digest(stream, "sha256").digest()
    return header == (_MARK + checksum).ljust(HEADER, b"\0")


def damaged(path: Path, why: str) -> UserError:
    """Move a damaged result aside, so that the next run makes it again; the error that says so.

    Where it cannot be moved the message asks the user to delete it.
    """
    return UserError(f"{path} is damaged ({why}). {move_aside(path)}")


def move_aside(path: Path) -> str:
    """Rename a file to ``NAME.damaged``; what has become of it, and what cures that."""
    aside = path.with_name(f"{path.name}.damaged")
    try:
        os.replace(path, aside)
    except FileNotFoundError:
        return "Run again: it will be rebuilt."  # another job found it at the same time
    except OSError as error:
        return f"Delete it (it could not be moved aside: {error.strerror}) and run again."
    return f"It was moved aside, to {aside.name}. Run again: it will be rebuilt."
