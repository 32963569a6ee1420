"""Files that are whole or absent: temporary names, sealed JSON, digests.

A JSON file of a study carries the SHA-256 of its content in a key of its own. Where a stage writes
tables next to it that people read (classes.csv, history.csv), theirs stand there as well.
"""

import errno
import glob
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.artefacts.integrity import damaged, move_aside
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
        _make_folder(target.parent)
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
        with suppress(NotADirectoryError):  # of a folder that could not be made
            temporary.unlink(missing_ok=True)


_HOST = socket.gethostname()  # many machines may write into a folder
_FULL = 64 * 1024  # bytes; writers stop with the disk a little less than full
_WRITER = re.compile(r"(\d{1,9})-[0-9a-f]{8}")  # a process, and what nobody can guess


def temporary_beside(target: Path) -> Path:
    """The name, in the folder of ``target``, that only this process uses while it writes.

    Nobody can guess it: where others may write into the folder too, a link that waits under the
    name would have this process write into another file.

    What processes that were killed, on this machine, left under such a name is removed.
    """
    start, end = f".{_HOST}-", f".partial.{target.name}"
    for path in target.parent.glob(f"{glob.escape(start)}*{glob.escape(end)}"):
        writer = _WRITER.fullmatch(path.name.removeprefix(start).removesuffix(end))
        if writer is None:
            continue  # of a machine whose name begins with this one's
        try:
            os.kill(int(writer[1]), 0)
        except ProcessLookupError:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        except PermissionError:
            pass  # it is alive and belongs to another user
    return target.with_name(f"{start}{os.getpid()}-{secrets.token_hex(4)}{end}")


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it; their names are on the disk, too."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    with suppress(PermissionError):  # of a folder that may be written to and not be read
        _onto_disk(folder.parent)


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


_OTHER_CURE = "Choose another `{key}` folder, or see to this one, and run again."
_SPACE_CURE = "Free some space, or choose another `{key}` folder, and run again."
_CURES = {
    errno.ENOSPC: _SPACE_CURE,
    errno.EDQUOT: _SPACE_CURE,
    errno.EACCES: "You may not write there: change its permissions, or choose another `{key}` "
    "folder.",
    errno.EROFS: "Choose a `{key}` folder that can be written to.",
    errno.ENOENT: "The folder, or the file that was being written, has been removed meanwhile, "
    "perhaps by a second run of the same study: let one run end, then run again.",
}


def reason(error: OSError, key: str = "results") -> str:
    """Why a file could not be written, and what cures that: two sentences.

    Args:
        error: of the writer.
        key: of the config, names the folder that the file lies in.
    """
    cure = _CURES.get(error.errno or 0, _OTHER_CURE).format(key=key)
    return f"{error.strerror or error}. {cure}"


def _why_not_written(error: Exception, temporary: Path, target: Path) -> str | None:
    """The reason and its cure, if the error is about writing ``target`` at all."""
    if isinstance(error, UserError):
        return None
    if isinstance(error, OSError):
        places = {str(place) for place in (temporary, target, *target.parents)}
        if error.filename is not None and str(error.filename) not in places:
            return None  # about another file, read inside the block
        return reason(error)
    # Libraries report a full disk in many ways. Some do not name it, and some remove what they
    # wrote before they raise.
    folder = target.parent
    no_space = os.strerror(errno.ENOSPC)
    full = folder.is_dir() and shutil.disk_usage(folder).free < _FULL
    return reason(OSError(errno.ENOSPC, no_space)) if full or no_space in str(error) else None


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


_SEAL = "sealed"  # the key of the SHA-256 of an object and of the files that it vouches for


def write_json(
    path: str | Path,
    value: Mapping[str, Any],
    *,
    vouched: Iterable[str | Path] = (),
    indent: int | None = 2,
    sort: bool = True,
) -> None:
    """Write an object as sealed JSON, atomically; equal content gives equal bytes.

    Args:
        path: where to.
        value: the object.
        vouched: files of the same folder, written before, whose SHA-256 this one is to keep.
        indent: spaces of a level, or None for one line.
        sort: sort the keys; else they keep their order.
    """
    content = json.loads(json.dumps(value, sort_keys=sort, allow_nan=False))
    content.pop(_SEAL, None)  # of a file that this one is made from
    files = {Path(file).name: sha256(file) for file in vouched}
    content[_SEAL] = {"content": _seal_of(content, files), "files": files}
    _write(path, json.dumps(content, indent=indent, separators=(",", ": " if indent else ":")))


def write_plain_json(path: str | Path, value: Any) -> None:
    """Write a value for any reader: indented JSON with sorted keys and nothing else, atomically."""
    _write(path, json.dumps(value, sort_keys=True, indent=2, allow_nan=False))


def _write(path: str | Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read what :func:`write_json` wrote, without its seal; check the files that it vouches for.

    Raises:
        UserError: it is missing; or it, or one of those files, is damaged and was moved aside,
            with one of those it as well.
    """
    path = Path(path)
    value, files = _unsealed(path)
    for name in files:
        try:
            _check_file(path.with_name(name), files)
        except UserError:
            move_aside(path)  # the next run makes again what is read: it may not read the other
            raise
    return value


def check_vouched(path: Path, by: str) -> None:
    """Check a file against the SHA-256 that the JSON file ``by`` of its folder keeps of it.

    It passes where there is no such JSON file: then it was not written by a stage.

    Raises:
        UserError: one of the two is damaged and was moved aside; with the JSON file the other one
            as well, so that both are made again.
    """
    voucher = path.with_name(by)
    if not voucher.is_file():
        return
    try:
        files = _unsealed(voucher)[1]
    except UserError:
        if not voucher.exists():  # it was moved aside; the next run would not check the file
            move_aside(path)
        raise
    _check_file(path, files)


def _check_file(path: Path, files: Mapping[str, str]) -> None:
    """Compare a file, if it is there and listed, with its SHA-256."""
    if path.name in files and path.is_file() and sha256(path) != files[path.name]:
        raise damaged(path, "its SHA-256 is not the one that was noted when it was written")


def _unsealed(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The object of a sealed file, and the SHA-256 of each file that it vouches for."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing. Run the stage that writes it again.") from error
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. Run again.") from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"not JSON: {error}") from error
    seal = value.pop(_SEAL, None) if isinstance(value, dict) else None
    if not isinstance(seal, dict) or set(seal) != {"content", "files"}:
        raise damaged(path, "the SHA-256 of its content is not in it")
    try:
        whole = seal["content"] == _seal_of(value, seal["files"])
    except ValueError:  # numbers that no stage writes
        whole = False
    if not whole:
        raise damaged(path, "its SHA-256 is not the one in it")
    return value, seal["files"]


def _seal_of(content: Any, files: Any) -> str:
    """SHA-256 of a parsed object, with its keys in their order, and of the list of files."""
    text = json.dumps([content, files], separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(value: Any) -> str:
    """Hex SHA-256 (16 characters) of a JSON-able value; keys identity of configs."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]
