"""``calm compare``: two models, or two maps, on the same images."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.runtime.errors import UserError

if TYPE_CHECKING:
    from pipeline.tables.scores import Group

LEVEL = 0.95
_WIDTH = 250  # characters, where no terminal says how wide it is


def run(first_name: str, second_name: str, results: Path) -> None:
    """Print the differences.

    Args:
        first_name: a model or map: its names, joined by slashes.
        second_name: what it is compared with.
        results: folder of the study.

    Raises:
        UserError: there are no scores of one of them, or none that both have.
    """
    # they import pandas, which the help does not need
    from pipeline.tables.comparing import compared
    from pipeline.tables.formats import text
    from pipeline.tables.scores import read_groups

    paths = sorted((results / "scores").glob("*/*/*/*/seed*/*.json"))
    groups = read_groups(str(path) for path in paths)
    first = _of(groups, first_name, results)
    second = _of(groups, second_name, results)
    across = first.is_map and second.is_map
    rows = list(compared(first.groups, second.groups, LEVEL, across=across))
    if not rows:
        raise UserError(
            f"Nothing was measured for both {first_name!r} and {second_name!r} on one data set. "
            "To compare maps of two methods, name both: calm compare mine/cam other/gradcam."
        )
    table = Table(title=f"A: {first_name}, B: {second_name}", box=box.SIMPLE_HEAD)
    for heading in ("data set", "map", "number"):
        table.add_column(heading, overflow="fold")
    for heading in ("A", "B", "A - B"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        sign = "+" if row.difference and row.difference.value > 0 else ""
        paired = sign + text(row.difference, plain=row.plain) if row.difference else row.reason
        maps = " - ".join(dict.fromkeys(row.methods))
        cells = (text(cell, plain=row.plain) for cell in row.cells)
        table.add_row(row.dataset, maps, row.heading, *cells, paired)
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(table)


class _Named(NamedTuple):
    """The groups that names mean, and whether these are of one map."""

    groups: list["Group"]
    is_map: bool


def _of(groups: Sequence["Group"], text: str, results: Path) -> _Named:
    """What some names mean: a model with all its numbers, or else a map of one.

    Raises:
        UserError: nothing, or several models.
    """
    wanted = text.split("/")
    models = [each for each in groups if _in_order(wanted, _names(each)[:3])]
    found = models or [each for each in groups if _in_order(wanted, _names(each))]
    fitting = list(dict.fromkeys("/".join(_names(each)[1:3]) for each in found))
    if not found:
        known = ", ".join(dict.fromkeys("/".join(_names(each)[:3]) for each in groups))
        raise UserError(
            f"There are no scores of {text!r} in {results / 'scores'}. It has those of "
            f"{known or 'no model: run the study first, or give --results FOLDER'}."
        )
    if len(fitting) > 1:
        raise UserError(f"{text!r} fits several models: {', '.join(fitting)}. Give more names.")
    return _Named(found, is_map=not models)


def _names(group: "Group") -> tuple[str, ...]:
    """Data set, architecture, variant, and method if it is of a map."""
    return tuple(filter(None, (group.dataset, group.architecture, group.variant, group.method)))


def _in_order(wanted: Sequence[str], names: Sequence[str]) -> bool:
    """Whether names hold the wanted ones in their order."""
    rest = iter(names)
    return all(name in rest for name in wanted)
