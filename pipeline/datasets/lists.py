"""Text lists of data sets: one row per line, columns separated by spaces or commas."""

import csv
import math
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath

import pandas as pd

from pipeline.datasets.check import Problems
from pipeline.runtime.errors import UserError

_NAMES: dict[Callable, str] = {int: "<integer>", float: "<number>", str: "<text>"}


LARGEST = 1024**3  # bytes of a list; those of ImageNet have a tenth


def read_text(path: Path) -> str:
    """A list as text; what is no UTF-8 in it is marked as such.

    Raises:
        UserError: it cannot be read, or has more than `LARGEST` bytes.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise UserError(f"The list {path} is no regular file. Put a text file there.")
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"The list {path} has more than {LARGEST} bytes. Divide or replace it.")
        # a byte order mark comes from spreadsheets; other line ends than \n stand in names
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UserError(f"Cannot read the list {path}: {error.strerror}.") from error


def read_rows(
    path: Path,
    types: tuple[Callable, ...],
    problems: Problems,
    *,
    comma: bool = False,
    header: str | None = None,
) -> list[tuple]:
    """Rows of a list; empty lines are skipped, lines that do not parse are noted by number.

    Args:
        path: the text file.
        types: int, float (finite) or str for each column; parted by blanks, a last str takes the
            rest of its line, so that names may hold blanks.
        problems: where malformed lines are noted.
        comma: commas part the columns, as in a CSV file: a text that holds one is in quotes.
        header: the first line, where the list has one.

    Raises:
        UserError: the list cannot be read.
    """
    text = read_text(path)
    lines = enumerate(text.split("\n"), start=1)
    if header is not None:
        _, first = next(lines, (1, ""))
        if first.strip() != header:
            problems.add("first line of a list is wrong", f"{path}: {first!r}, expected {header!r}")
    splits = len(types) - 1 if types[-1] is str else -1
    rows = []
    for number, line in lines:
        line = line.strip()
        if not line:
            continue
        try:
            fields = next(csv.reader([line])) if comma else line.split(maxsplit=splits)
            row = tuple(kind(text) for kind, text in zip(types, fields, strict=True))
            if not all(math.isfinite(value) for value in row if isinstance(value, float)):
                raise ValueError
            rows.append(row)
        except (ValueError, csv.Error):  # the latter of fields that are longer than any name
            expected = ("," if comma else " ").join(_NAMES[kind] for kind in types)
            problems.add(
                "malformed line", f"{path}, line {number}: {line[:80]!r}, expected {expected}"
            )
    return rows


def leaving(names: Iterable[str], source: Path, problems: Problems) -> set[str]:
    """The paths that would leave the folder that they start from, which are noted.

    Lists come with the data from elsewhere: none may name a file of another folder. Links inside
    the folder, which the user made, are followed.

    Args:
        names: paths as the list gives them.
        source: the list.
        problems: where they are noted.
    """
    paths = {name: PurePath(name) for name in names}
    found = [name for name, path in paths.items() if path.is_absolute() or ".." in path.parts]
    problems.add("path leaves its folder", *(f"{source}: {name}" for name in found))
    return set(found)


def read_column(
    path: Path, types: tuple[Callable, ...], problems: Problems, *, comma: bool = False
) -> pd.Series:
    """A list of '<id> <value ...>' as a series by id: the value, or a tuple of several values.

    Ids that occur twice are noted.

    Args:
        path: the text file.
        types: of the id and of the values, see `read_rows`.
        problems: where they are noted.
        comma: see `read_rows`.
    """
    values = {}
    for name, *row in read_rows(path, types, problems, comma=comma):
        if name in values:
            problems.add("id occurs twice", f"{path}: {name}")
        values[name] = row[0] if len(row) == 1 else tuple(row)
    return pd.Series(values, dtype=object)


def check_ids(
    ids: pd.Index, path: Path, wanted: pd.Index, source: Path, problems: Problems
) -> None:
    """Note the ids that the lists ``path`` (with ``ids``) and ``source`` do not share."""
    problems.add("id has no line", *(f"{path}: {name}" for name in wanted.difference(ids)))
    problems.add(
        f"id is not in {source.name}", *(f"{path}: {name}" for name in ids.difference(wanted))
    )


def join(columns: dict[str, tuple[Path, tuple[Callable, ...]]], problems: Problems) -> pd.DataFrame:
    """Lists of one id each joined into a table: the rows that all lists have, in the first's order.

    Args:
        columns: name of a column -> its file and the types after the id.
        problems: where ids are noted that some list lacks.
    """
    lists = {
        name: read_column(path, (int, *types), problems) for name, (path, types) in columns.items()
    }
    first = next(iter(columns))
    ids = lists[first].index
    for name, series in lists.items():
        check_ids(series.index, columns[name][0], ids, columns[first][0], problems)
    return pd.DataFrame(lists).reindex(ids).dropna()
