"""Parquet files that carry the SHA-256 of their bytes among their own metadata.

Any reader of Parquet reads them; ours checks them before it parses them.
"""

import hashlib
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.artefacts.files import atomic_path
from pipeline.artefacts.integrity import damaged
from pipeline.runtime.errors import UserError

_KEY = "sha256"  # of the file's metadata
_UNKNOWN = b"0" * 64  # stands for the checksum while that is computed
_NOTED = re.compile(_KEY.encode() + rb"[^0-9a-f]{1,4}([0-9a-f]{64})")  # lengths in between


def write_table(path: str | Path, table: pa.Table) -> None:
    """Write a table, atomically; equal tables give equal bytes."""
    with atomic_path(path) as temporary:
        # without Arrow's own copy of the schema, which would hold the checksum once more
        with pq.ParquetWriter(temporary, table.schema, store_schema=False) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({_KEY: _UNKNOWN.decode()})
        content = temporary.read_bytes()
        # the metadata are the last of the file: the same text in a column stands before them
        temporary.write_bytes(_with_checksum(content, content.rfind(_UNKNOWN)))


def read_table(path: str | Path, schema: pa.Schema) -> pa.Table:
    """Read what :func:`write_table` wrote.

    Args:
        path: of the file.
        schema: that it must have.

    Raises:
        UserError: the file is missing; or it is damaged or has other columns, and was moved aside.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing. Run the stage that writes it.") from error
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. Run again.") from error
    # before anything parses it
    *_, place = (0, *(found.start(1) for found in _NOTED.finditer(content)))
    if not place or content != _with_checksum(content, place):
        raise damaged(path, "its SHA-256 is not the one in its metadata")
    try:
        # in this thread: with others it waits for ever where the system refuses to start them
        table = pq.ParquetFile(pa.BufferReader(content), pre_buffer=False).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, f"not a Parquet file: {error}") from error
    if not table.schema.equals(schema):
        missing = ", ".join(sorted(set(schema.names) - set(table.schema.names)))
        raise damaged(
            path,
            "it does not hold records of this version, columns missing: "
            f"{missing or 'none, but types differ'}",
        )
    return table


def _with_checksum(content: bytes, place: int) -> bytes:
    """A file's bytes with their SHA-256 at ``place``, computed with `_UNKNOWN` there."""
    before, after = content[:place], content[place + len(_UNKNOWN) :]
    checksum = hashlib.sha256(before + _UNKNOWN + after).hexdigest()
    return before + checksum.encode() + after
