"""A data set's list of classes, classes.csv: the names of its labels."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from pipeline.artefacts.files import atomic_path, check_vouched
from pipeline.artefacts.integrity import damaged
from pipeline.artefacts.paths import CHECK
from pipeline.runtime.errors import UserError

WNID = re.compile(r"n\d{8}")
# Before the name, in CUB-200-2011 and in ImageNet; if a digit follows, it is a decimal number.
_NUMBER = re.compile(r"(\d+\.(?!\d)|n\d{8} )")


def read_class_names(path: str | Path, *, given: bool = False) -> list[str]:
    """Names in order of the labels 0, 1, ... from a classes.csv.

    Args:
        path: of the list.
        given: it is the user's own; else a stage wrote it, and it is moved aside where it is
            damaged.

    Raises:
        UserError: the file cannot be read or is not a list of classes.
    """
    path = Path(path)
    if not given:
        check_vouched(path, CHECK)
    try:
        with open(path, newline="") as stream:
            names = {int(row["label"]): row["name"] for row in csv.DictReader(stream)}
        if sorted(names) != list(range(len(names))) or not names:
            raise ValueError("the labels are not 0, 1, ...")
    except OSError as error:
        raise UserError(f"Cannot read the class list {path}: {error.strerror}.") from error
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        what = f"not a class list with the columns label and name: {error!r}"
        wrong = UserError(f"{path} is {what}.") if given else damaged(path, what)
        raise wrong from error
    return [names[label] for label in range(len(names))]


def write_classes(path: str | Path, classes: pd.DataFrame) -> None:
    """Write classes.csv: columns label, class_id (1-based, as in the raw data) and name."""
    with atomic_path(path) as temporary:
        classes.to_csv(temporary, index=False)


def read_classes(path: str | Path) -> pd.DataFrame:
    """What :func:`write_classes` wrote.

    Raises:
        UserError: the file cannot be read or is not a list of classes (it is moved aside).
    """
    path = Path(path)
    check_vouched(path, CHECK)
    try:
        # NA and 001 are names
        classes = pd.read_csv(path, dtype={"name": str}, keep_default_na=False)
        if missing := {"label", "class_id", "name"} - {*classes.columns}:
            raise ValueError(f"it has no column {min(missing)}")
    except OSError as error:
        raise UserError(f"Cannot read the class list {path}: {error.strerror}.") from error
    except ValueError as error:
        raise damaged(path, f"not a class list: {error}") from error
    return classes


def read_titles(path: str | Path) -> list[str]:
    """The same names as figures show them, see :func:`titles_of`."""
    return titles_of(read_class_names(path))


def titles_of(names: Sequence[str]) -> list[str]:
    """Names as figures show them: ``001.Laysan_Albatross`` -> ``Laysan Albatross``.

    Names that would be the same without their numbers keep them, but for wnids: WordNet has two
    cranes.
    """
    short = [name[match.end() :] if (match := _NUMBER.match(name)) else name for name in names]
    often = Counter(short)
    return [
        (title if title and (often[title] == 1 or WNID.match(name)) else name).replace("_", " ")
        for title, name in zip(short, names, strict=True)
    ]


def plain(text: str) -> str:
    """Lower case, words apart by one space: ``Black-footed_Albatross`` as anyone may write it."""
    return re.sub(r"[\W_]+", " ", re.sub("['’]", "", text)).casefold().strip()


def labels_of(names: Sequence[str], text: str) -> list[int]:
    """The labels of the classes that are called so: by name, by title or by wnid.

    Case, underscores and hyphens do not matter.

    Args:
        names: of the labels 0, 1, ...
        text: what a user calls the class.
    """
    wanted = plain(text)
    found = []
    for label, (name, title) in enumerate(zip(names, titles_of(names), strict=True)):
        wnid = WNID.match(name)
        known = {plain(name), plain(title), *([wnid.group()] if wnid else ())}
        if wanted in known:
            found.append(label)
    return found


def wnids_of(names: Iterable[str]) -> list[str]:
    """The wnids with which the names begin, as those of ImageNet do.

    Raises:
        UserError: a name begins with none.
    """
    found = []
    for name in names:
        match = WNID.match(name)
        if match is None:
            raise UserError(
                f"supersets.kind wordnet: the class name {name!r} does not begin with a wnid such "
                "as n02088094. Use all or singletons for this data set."
            )
        found.append(match.group())
    return found
