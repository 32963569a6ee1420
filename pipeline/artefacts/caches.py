"""Where the copies of shards that lie elsewhere are kept: cache.json next to a manifest.

It is no input and no parameter of a job, so that to keep the copies elsewhere reruns nothing.
"""

from pathlib import Path
from typing import NamedTuple

from pipeline.artefacts.files import read_json, write_json
from pipeline.artefacts.paths import CACHE
from pipeline.runtime.errors import UserError


class Cache(NamedTuple):
    """A folder of copies.

    Attributes:
        folder: of one split of one address.
        size: bytes; the oldest copies go where they are more. 0: they are all kept.
    """

    folder: Path
    size: int


def write_cache(path: str | Path, folder: Path | None, gigabytes: float | None) -> None:
    """Write cache.json; no folder: the copies lie next to it. No size: all are kept."""
    size = int((gigabytes or 0) * 1e9)
    write_json(path, {"folder": str(folder) if folder else None, "size": size})


def cache_of(manifest: Path) -> Cache:
    """What :func:`write_cache` wrote next to a manifest; where nothing is, its defaults.

    Raises:
        UserError: the file is broken.
    """
    path, beside = manifest.with_name(CACHE), manifest.with_name("cache")
    if not path.is_file():
        return Cache(beside, 0)
    found = read_json(path)
    try:
        return Cache(Path(found["folder"] or beside), int(found["size"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is broken ({error}). Delete it and run again.") from error
