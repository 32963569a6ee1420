"""``calm fetch``: a published data set, downloaded into the folder that a study reads."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.datasets.published import PUBLISHED, Archive, Published
from pipeline.runtime.errors import UserError

DESCRIPTION = """\
Download a published data set into the layout that a study reads.

Says what it is, what its terms are and how much it takes, and asks before it begins. Files are
checked by their MD5; what an interrupted download has brought is kept, and the same command goes
on from there. For CUB-200-2011 say by --url where its archives are: its publishers' page has the
addresses."""

EXAMPLES = """\
  calm fetch pets                                   Oxford-IIIT Pet, into data/pets
  calm fetch voc --out /scratch/voc --yes           Pascal VOC 2012, without a question
  calm fetch cub --url https://.../CUB_200_2011.tgz --url https://.../segmentations.tgz"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own."""
    parser.add_argument("dataset", choices=list(PUBLISHED), help="the data set")
    parser.add_argument(
        "--url",
        action="append",
        default=[],
        help="address of one of its files, ending in the file's name; can be given several times",
    )
    parser.add_argument(
        "--out", type=Path, help="the new folder (default: as in the shipped configs, data/...)"
    )
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def run(given: argparse.Namespace) -> None:
    """Fetch it.

    Raises:
        UserError: nobody agreed, or something cannot be had or written.
    """
    data = PUBLISHED[given.dataset]
    root = given.out or data.folder
    if root.exists():
        print(f"{root} is there already, and was left as it is.")
        _say_next(given.dataset, data, root)
        return
    from pipeline.datasets.fetching import addresses, fetch  # imports PyTorch

    sources = addresses(data, given.url)
    print(data.title)
    print(f"  terms:     {data.terms}")
    print(f"  download:  {_files(sources)}")
    print(f"  on disk:   {data.unpacked / 1e9:.2f} GB, in {root}")
    if not given.yes and not _agreed():
        print("Nothing was downloaded.")
        return
    fetch(data, sources, root)
    print(f"{root} is complete.")
    _say_next(given.dataset, data, root)


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
