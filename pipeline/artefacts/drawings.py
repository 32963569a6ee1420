"""Figures, PNG and SVG, that carry the SHA-256 of their bytes where no program minds it.

In both it stands behind the picture: an SVG may end with a comment, and what follows a PNG's last
chunk is not read.
"""

import hashlib
from pathlib import Path

from pipeline.artefacts.integrity import damaged
from pipeline.runtime.errors import UserError

_START, _END = b"<!-- sha256 ", b" -->\n"


def seal_drawing(path: str | Path) -> None:
    """Append the checksum to a new file."""
    with open(path, "r+b") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.write(_START + checksum.encode() + _END)


def read_drawing(path: str | Path) -> bytes:
    """The bytes of a figure, checked.

    Raises:
        UserError: it cannot be read; or it is damaged and was moved aside.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. Run again.") from error
    picture, mark, checksum = content.rpartition(_START)
    if not mark or checksum != hashlib.sha256(picture).hexdigest().encode() + _END:
        raise damaged(path, "its SHA-256 is not the one at its end")
    return content
