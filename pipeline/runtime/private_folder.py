"""Folders for temporary files that no other user of the machine can read or prepare."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from pipeline.runtime.errors import UserError


def private_folder(purpose: str) -> Path:
    """A folder of this user's for all of their jobs on this machine, made where it is not there.

    Its name can be guessed and the folder that it lies in belongs to everybody, so that a folder
    which another user made, links to elsewhere or may enter is refused; so is one that they could
    put another in the place of.

    Args:
        purpose: in its name: TMPDIR/calm-PURPOSE-UID.

    Raises:
        UserError: the folder is not this user's alone.
        OSError: it cannot be made.
    """
    folder = Path(tempfile.gettempdir()) / f"calm-{purpose}-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found, above = folder.lstat(), folder.parent.stat().st_mode
    if not stat.S_ISDIR(found.st_mode):
        wrong = "is not a folder"
    elif found.st_uid != os.getuid():
        wrong = "belongs to another user"
    elif found.st_mode & 0o077:
        wrong = "is open to other users"
    elif above & stat.S_IWOTH and not above & stat.S_ISVTX:
        wrong = "can be renamed by other users, who may write to the folder that it lies in"
    else:
        return folder
    raise UserError(f"{folder} {wrong}. Set TMPDIR to a folder of your own.")
