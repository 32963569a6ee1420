"""``calm fetch``: a published data set, downloaded into the folder that a study reads."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.datasets.published import PUBLISHED, Archive, Published
from pipeline.runtime.errors import UserError


def run(dataset: str, urls: Sequence[str], out: Path | None, *, yes: bool) -> None:
    """Fetch it.

    Raises:
        UserError: nobody agreed, or something cannot be had or written.
    """
    data = PUBLISHED[dataset]
    root = out or data.folder
    if root.exists():
        print(f"{root} is there already, and was left as it is.")
        _say_next(dataset, data, root)
        return
    from pipeline.datasets.fetching import addresses, fetch  # imports PyTorch

    sources = addresses(data, urls)
    print(data.title)
    print(f"  terms:     {data.terms}")
    print(f"  download:  {_files(sources)}")
    print(f"  on disk:   {data.unpacked / 1e9:.2f} GB, in {root}")
    if not yes and not _agreed():
        print("Nothing was downloaded.")
        return
    fetch(data, sources, root)
    print(f"{root} is complete.")
    _say_next(dataset, data, root)


def _agreed() -> bool:
    """Whether the user agrees to terms and sizes.

    Raises:
        UserError: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise UserError("Nobody is there to agree: add --yes if you do.")
    return input("Agree to the terms, and download? [y/N] ").strip().lower() in ("y", "yes")


def _files(sources: Mapping[Archive, str]) -> str:
    """Sizes and names of the archives, and the machines that they come from."""
    size = sum(archive.size for archive in sources)
    names = ", ".join(archive.name for archive in sources)
    hosts = dict.fromkeys(urlsplit(url).netloc for url in sources.values())
    return f"{size / 1e9:.2f} GB, {names}, from {' and '.join(hosts)}"


def _say_next(name: str, data: Published, root: Path) -> None:
    """What a config has to say of the folder."""
    lines = (f"root: {root}", *data.keys)
    print("In a config:\n\ndatasets:", f"  {name}:", *(f"    {line}" for line in lines), sep="\n")
    print("\nThen: calm check CONFIG")
