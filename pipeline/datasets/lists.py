"""Text lists of the CUB-200-2011 layout: one row a line, columns parted by blanks."""

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pipeline.datasets.check import Problems

_NAMES = {int: "<integer>", float: "<number>", str: "<text>"}


def read_rows(path: Path, types: tuple[Callable, ...], problems: Problems) -> list[tuple]:
    """Rows of a list; empty lines are skipped, lines that do not parse are noted by number.

    Args:
        path: the text file.
        types: int, float (finite) or str for each column; a last str takes the rest of its line,
            so that names may hold blanks.
        problems: where malformed lines are noted.
    """
    splits = len(types) - 1 if types[-1] is str else -1
    rows = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        fields = line.strip().split(maxsplit=splits)
        if not fields:
            continue
        try:
            row = tuple(kind(text) for kind, text in zip(types, fields, strict=True))
            if not all(math.isfinite(value) for value in row if isinstance(value, float)):
                raise ValueError
            rows.append(row)
        except ValueError:
            expected = " ".join(_NAMES[kind] for kind in types)
            problems.add(
                "malformed line", f"{path}, line {number}: {line[:80]!r}, expected {expected}"
            )
    return rows


def read_column(path: Path, types: tuple[Callable, ...], problems: Problems) -> pd.Series:
    """A list of '<id> <value ...>' as a series by id: the value, or a tuple of several values.

    Ids that occur twice are noted.
    """
    values = {}
    for number, *row in read_rows(path, (int, *types), problems):
        if number in values:
            problems.add("id occurs twice", f"{path}: {number}")
        values[number] = row[0] if len(types) == 1 else tuple(row)
    return pd.Series(values, dtype=object)


def join(columns: dict[str, tuple[Path, tuple[Callable, ...]]], problems: Problems) -> pd.DataFrame:
    """Lists of one id each joined into a table: the rows that all lists have, in the first's order.

    Args:
        columns: name of a column -> its file and the types after the id.
        problems: where ids are noted that some list lacks.
    """
    lists = {name: read_column(path, types, problems) for name, (path, types) in columns.items()}
    first = next(iter(columns))
    ids = lists[first].index
    for name, series in lists.items():
        path, source = columns[name][0], columns[first][0]
        problems.add(
            "id has no line", *(f"{path}: {number}" for number in ids.difference(series.index))
        )
        problems.add(
            f"id is not in {source.name}",
            *(f"{path}: {number}" for number in series.index.difference(ids)),
        )
    return pd.DataFrame(lists).reindex(ids).dropna()
