"""Files behind a URL, fetched in bounded time and space.

WebDataset opens the addresses (`webdataset.gopen`: gsutil for gs; fsspec for s3 and what else it
knows). http is opened by curl, here with the limits that WebDataset's own command line lacks: a
server that says nothing, or sends a byte now and then, would be waited for without end.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from webdataset.gopen import Pipe, gopen, gopen_schemes

from pipeline.artefacts.files import temporary_beside
from pipeline.runtime.errors import UserError

TRIES = 4  # of each file: servers drop connections
PAUSE = 1.0  # seconds before the second try, twice as many before each further one
SLOWEST = 1000  # bytes a second, on average over `STALLED`: a slower server is given up
STALLED = 60  # seconds
LARGEST_TEXT = 64 * 1024**2  # bytes of a manifest; that of a million shards has twice as many
_BLOCK = 1024**2  # bytes
# exit status of curl -> what it means, and whether another try may help
_CURL = {
    "6": ("its host has no address", False),
    "7": ("no server answers there", True),
    "18": ("the connection ended too early", True),
    "22": ("the server has no such file, or refuses it", False),
    "28": ("the server does not answer in time", True),
    "52": ("the server closed the connection", True),
    "56": ("the connection broke", True),
}


def tries() -> Iterator[int]:
    """Count the tries of a file, from 0, with a pause before each but the first."""
    for number in range(TRIES):
        if number:
            time.sleep(PAUSE * 2 ** (number - 1))
        yield number


def fetch(url: str) -> bytes:
    """The contents of a small file.

    Raises:
        UserError: it cannot be fetched, or has more than `LARGEST_TEXT` bytes.
    """
    why = ""
    for _ in tries():
        try:
            with gopen(url) as stream:
                content = stream.read(LARGEST_TEXT + 1)
        except (OSError, ValueError, ImportError) as error:
            why, again = reason_of(error, url)
            if not again:
                break
            continue
        if len(content) <= LARGEST_TEXT:
            return content
        why = f"it has more than {LARGEST_TEXT} bytes, as no manifest has"
        break
    raise UserError(f"{url}: {why}. Check `shards.url` of the data set and run again.")


def fetch_into(url: str, path: Path, size: int) -> None:
    """Fetch a file of ``size`` bytes; it appears at ``path`` when it has ended.

    Of a longer one no more than ``size`` + 1 bytes are kept, so that no server can fill the disk.

    Raises:
        OSError, ValueError, ImportError: it cannot be fetched or kept; see :func:`reason_of`.
    """
    temporary = temporary_beside(path)
    try:
        with gopen(url) as stream, open(temporary, "xb") as copy:
            left = size + 1
            while left and (block := stream.read(min(left, _BLOCK))):
                left -= copy.write(block)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def reason_of(error: Exception, url: str) -> tuple[str, bool]:
    """Why a file could not be fetched, in words, and whether another try may help."""
    if isinstance(error, ImportError):
        return f"a package for {url.partition(':')[0]}:// is missing ({error})", False
    if isinstance(error, FileNotFoundError):
        program = f"the program {error.filename} is missing" if error.filename else "no such file"
        return program, False
    status = re.search(r"exit (\d+) \(read\)", str(error))
    if status is None:
        return f"it cannot be fetched ({error})", True
    return _CURL.get(status[1], (f"it cannot be fetched (exit status {status[1]})", True))


def _by_curl(url: str, mode: str = "rb", bufsize: int = 8192) -> Any:
    """Open what curl fetches; the address is taken as it stands, without curl's patterns."""
    limits = ["--connect-timeout", "30", "--speed-limit", SLOWEST, "--speed-time", STALLED]
    again = ["--retry", "30", "--retry-delay", "2", "--retry-max-time", STALLED]
    command = ["curl", "--globoff", *limits, *again, "-f", "-s", "-L", "--", url]
    # 141 and 23: it was told to stop, as all that was wanted is there
    return Pipe(
        [str(word) for word in command], mode=mode, bufsize=bufsize, ignore_status=[141, 23]
    )


def _by_fsspec(url: str, mode: str = "rb", bufsize: int = 8192) -> Any:
    """Open what WebDataset has no program for."""
    import fsspec

    return fsspec.open(url, mode).open()


# WebDataset's table of openers, made to be extended
gopen_schemes.update(http=_by_curl, https=_by_curl, __default__=_by_fsspec)
