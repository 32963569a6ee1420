"""Files that are whole or absent: temporary names, canonical JSON, digests."""

import errno
import glob
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import UserError


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path; rename it onto ``target``, in the same folder, if the block succeeds.

    The suffix of the target is kept (some writers choose a format by it). On any error the
    temporary file is removed and ``target`` stays as it was. What was renamed is on the disk: it
    survives a power failure.

    Raises:
        UserError: the file cannot be written, or the disk is full.
    """
    target = Path(target)
    temporary = temporary_beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        # else a power failure may leave the new name with a content that is not yet on the disk
        _onto_disk(temporary)
        os.replace(temporary, target)
        _onto_disk(target.parent)
    except Exception as error:
        if reason := _why_not_written(error, temporary, target):
            raise UserError(f"Cannot write {target}: {reason}") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


_HOST = socket.gethostname()  # many machines may write into a folder
_FULL = 64 * 1024  # bytes; writers stop with the disk a little less than full


def temporary_beside(target: Path) -> Path:
    """The name, in the folder of ``target``, that only this process uses while it writes.

    What processes that were killed, on this machine, left under such a name is removed.
    """
    start, end = f".{_HOST}-", f".partial.{target.name}"
    for path in target.parent.glob(f"{glob.escape(start)}*{glob.escape(end)}"):
        number = path.name.removeprefix(start).removesuffix(end)
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        except PermissionError:
            pass  # it is alive and belongs to another user
    return target.with_name(f"{start}{os.getpid()}{end}")


def _onto_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that have no fsync
            raise
    finally:
        os.close(handle)


_OTHER_CURE = "Choose another `results` folder, or see to this one, and run again."
_SPACE_CURE = "Free some space, or choose another `results` folder, and run again."
_CURES = {
    errno.ENOSPC: _SPACE_CURE,
    errno.EDQUOT: _SPACE_CURE,
    errno.EACCES: "You may not write there: change its permissions, or choose another `results` "
    "folder.",
    errno.EROFS: "Choose a `results` folder that can be written to.",
    errno.ENOENT: "The folder, or the file that was being written, has been removed meanwhile, "
    "perhaps by a second run of the same study: let one run end, then run again.",
}


def _why_not_written(error: Exception, temporary: Path, target: Path) -> str | None:
    """The reason and its cure, if the error is about writing ``target`` at all."""
    if isinstance(error, UserError):
        return None
    if isinstance(error, OSError):
        if error.filename not in (None, str(temporary), str(target), str(target.parent)):
            return None  # about another file, read inside the block
        return f"{error.strerror or error}. {_CURES.get(error.errno or 0, _OTHER_CURE)}"
    # Libraries report a full disk in many ways. Some do not name it, and some remove what they
    # wrote before they raise.
    folder = target.parent
    no_space = os.strerror(errno.ENOSPC)
    full = folder.is_dir() and shutil.disk_usage(folder).free < _FULL
    return f"{no_space}. {_CURES[errno.ENOSPC]}" if full or no_space in str(error) else None


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, sort_keys=True, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; raise UserError that names the file if it is missing or broken."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing. Run the stage that writes it again.") from error
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}). Delete it and run again.") from error


def sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(value: Any) -> str:
    """Hex SHA-256 (16 characters) of a JSON-able value; keys identity of configs."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]
