"""HDF5 files that appear whole or not at all, and are checked before they are read.

Files are opened without HDF5's locks, which many network file systems lack; the keyword is used
because the environment variable for it is only read when h5py is first imported.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from pipeline.artefacts.files import atomic_path
from pipeline.artefacts.integrity import HEADER, damaged, is_whole, seal
from pipeline.runtime.errors import UserError


class NewFile(h5py.File):
    """An HDF5 file that is being written."""

    def __init__(self, stream: "_Stream") -> None:
        super().__init__(stream, "w", userblock_size=HEADER)
        self._stream = stream

    def check_written(self) -> None:
        """Raise OSError if something could not be written, such as on a full disk."""
        if self._stream.error:
            raise self._stream.error


class _Stream(io.FileIO):
    """A file that remembers the first failed write.

    h5py writes what it has cached when it drops a data set, where it can but print an error.
    """

    error: OSError | None = None

    def write(self, content: Any, /) -> int:
        left = memoryview(content)
        try:
            while left and not self.error:
                left = left[super().write(left) :]
        except OSError as error:
            self.error = error
        return memoryview(content).nbytes


@contextmanager
def create(path: str | Path) -> Iterator[NewFile]:
    """An HDF5 file to fill. It appears at ``path`` when the block ends, or not at all.

    It is sealed: a checksum of the rest stands at its start.

    Raises:
        UserError: it cannot be written.
    """
    with atomic_path(path) as temporary:
        with _Stream(temporary, "w+") as stream, NewFile(stream) as file:
            yield file
        file.check_written()
        seal(temporary)


def open_checked(path: str | Path) -> h5py.File:
    """Open what :func:`create` wrote.

    A file without a header is damaged as well: a lost header must not switch the check off.

    Raises:
        UserError: the file cannot be read, or it is damaged and was moved aside.
    """
    path = Path(path)
    try:
        whole = is_whole(path)
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. Run again.") from error
    if not whole:
        raise damaged(path, "its SHA-256 is not the one at its beginning")
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise damaged(path, str(error)) from error
