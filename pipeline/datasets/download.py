"""Archives of published data sets: downloaded, checked, and gone on with after an interruption."""

import errno
import http.client
import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from torchvision.datasets.utils import check_integrity

from pipeline.datasets.published import Archive
from pipeline.runtime.errors import UserError

BLOCK = 1 << 20  # bytes that are read at a time
SILENCE = 60  # seconds without a byte after which a connection counts as lost
TRIES = 5  # connections in a row that bring nothing
PAUSE = 2.0  # seconds before the second of them; doubled for each further one

# Called with the bytes that are there and those that there will be (None: unknown).
Progress = Callable[[int, int | None], None]


def download(archive: Archive, url: str, folder: Path, progress: Progress) -> Path:
    """The archive in ``folder``, downloaded unless it is there already.

    What an interrupted download left, ``NAME.part``, is kept and continued, where the server can
    send the rest of a file. The file has its name only once its checksum is right.

    Raises:
        UserError: the address cannot be read, or holds another file.
        OSError: the file cannot be written.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise UserError(f"{url} is no address of a web server: give one that begins with https://.")
    path, part = folder / archive.name, folder / f"{archive.name}.part"
    if check_integrity(path, archive.md5):
        return path
    _complete(url, part, progress)
    if not check_integrity(part, archive.md5):
        size = _size(part)
        part.unlink()
        raise UserError(
            f"{url} is not {archive.name} as it was published: its MD5 is not {archive.md5} "
            f"({size} bytes, expected {archive.size}). The file was removed. Try again, or give "
            "another address by --url."
        )
    os.replace(part, path)
    return path


def _complete(url: str, part: Path, progress: Progress) -> None:
    """Connect until the file is whole, or several connections in a row have brought nothing."""
    failures = 0
    while True:
        before = _size(part)
        try:
            if _append(url, part, progress):
                return
            why = "the connection was lost"
        except HTTPError as error:
            if error.code < 500:
                raise UserError(_cannot(url, f"{error.code} {error.reason}")) from error
            why = f"{error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            if _is_of_disk(error, part):
                raise
            why = str(getattr(error, "reason", error))
        failures = 0 if _size(part) > before else failures + 1
        if failures == TRIES:
            raise UserError(_cannot(url, why))
        time.sleep(PAUSE * 2 ** max(failures - 1, 0))


def _append(url: str, part: Path, progress: Progress) -> bool:
    """Add to a file what it lacks of the one at ``url``; whether it is whole then."""
    start = _size(part)
    headers = {"User-Agent": "calm"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response = urlopen(Request(url, headers=headers), timeout=SILENCE)
    except HTTPError as error:
        if error.code == 416 and start:  # there is nothing behind the last byte
            return True
        raise
    with response:
        if response.status != 206:  # the server sends the file from its beginning
            start = 0
        total = None if response.length is None else start + response.length
        with open(part, "ab" if start else "wb") as out:
            while block := response.read(BLOCK):
                out.write(block)
                progress(out.tell(), total)
    return total is None or _size(part) == total


def _is_of_disk(error: Exception, part: Path) -> bool:
    """Whether it is about the file that is written, which no other connection would cure."""
    return isinstance(error, OSError) and (
        error.errno in (errno.ENOSPC, errno.EDQUOT) or error.filename == str(part)
    )


def _size(path: Path) -> int:
    """Bytes of a file; none where it is not there."""
    return path.stat().st_size if path.exists() else 0


def _cannot(url: str, why: str) -> str:
    return (
        f"Cannot download {url}: {why}. What has come is kept: run the same command again to go "
        "on, or give another address by --url."
    )
