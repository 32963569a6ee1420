"""A published data set, from its archives to the folder that a study reads."""

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn
from torchvision.datasets.utils import extract_archive

from pipeline.artefacts.files import reason
from pipeline.datasets.download import download
from pipeline.datasets.published import Archive, Published
from pipeline.runtime.errors import UserError


def addresses(data: Published, urls: Sequence[str]) -> dict[Archive, str]:
    """Archive -> where it is, of those that are to be fetched.

    Args:
        data: the data set.
        urls: addresses of the user, each ending in the name of one of its archives.

    Raises:
        UserError: an address names no archive of the data set, or one that it needs has none.
    """
    archives = {archive.name: archive for archive in data.archives()}
    found = {archive: archive.url for archive in archives.values() if archive.url}
    for url in urls:
        name = urlsplit(url).path.rpartition("/")[2]
        if name not in archives:
            raise UserError(
                f"--url {url}: it should end in the name of a file of the data set, one of "
                f"{', '.join(archives)}. If your copy has another name, rename it."
            )
        found[archives[name]] = url
    missing = [
        name for name, archive in archives.items() if archive not in found and not archive.optional
    ]
    if missing:
        raise UserError(
            f"Where is {', '.join(missing)}? Give its address, from the page of the data set's "
            "publishers, by --url."
        )
    return found


def fetch(data: Published, sources: Mapping[Archive, str], root: Path) -> None:
    """Download the archives, unpack them, and put their contents into folder ``root``.

    ``root`` appears when it is whole. Until then everything is in ``root`` with ``.partial`` at its
    end; what another run has left there is used.

    Raises:
        UserError: an archive cannot be had, there is too little space, or ``root`` exists.
    """
    if root.exists():
        raise UserError(f"{root} is there already. Remove it, or give another folder by --out.")
    work = root.with_name(f"{root.name}.partial")
    try:
        work.mkdir(parents=True, exist_ok=True)
        _require_space(data, sources, work)
        archives = _download(sources, work)
        unpacked, arranged = work / "unpacked", work / "arranged"
        for folder in (unpacked, arranged):  # of a run that did not get to its end
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        for path in archives:
            extract_archive(path, unpacked)
        data.arrange(unpacked, arranged)
        os.sync()  # all files at once, before a power failure can meet their new name
        os.replace(arranged, root)
        shutil.rmtree(work)
    except OSError as error:
        raise UserError(reason(error, "--out")) from error


def _download(sources: Mapping[Archive, str], folder: Path) -> list[Path]:
    """All archives, one after the other, each with its progress on standard error."""
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    paths = []
    with Progress(*columns, console=Console(stderr=True)) as bars:
        for archive, url in sources.items():
            bar = bars.add_task(archive.name, total=archive.size)
            paths.append(download(archive, url, folder, partial(_show, bars, bar)))
    return paths


def _show(bars: Progress, bar: TaskID, there: int, total: int | None) -> None:
    bars.update(bar, completed=there, total=total)


def _require_space(data: Published, sources: Mapping[Archive, str], work: Path) -> None:
    there = sum(path.stat().st_size for path in work.glob("*") if path.is_file())
    needed = sum(archive.size for archive in sources) - there + data.unpacked
    if shutil.disk_usage(work).free < needed:
        raise UserError(
            f"{work.parent} has too little space: {needed / 1e9:.1f} GB are needed, archives and "
            "what is unpacked from them. Make room, or give another folder by --out."
        )
