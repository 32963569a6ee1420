"""``calm compare``: two models, or two maps, on the same images."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.runtime.errors import UserError

if TYPE_CHECKING:
    from pipeline.tables.scores import Group

DESCRIPTION = """\
Print how two models, or two of their maps, differ on the same test images.

Every number that was measured for both, and the difference A - B with the interval of the paired
bootstrap (95 %), which resamples the same images for both. A model has the names in its folder
under scores/: data set, architecture and variant, joined by slashes, as many as tell it from the
others; a method after them means that map alone. Where not both sides name a method, maps of the
same method are compared."""

EXAMPLES = """\
  calm compare mine other                          two models of your own: predictions and maps
  calm compare mine/gradcam mine/rise              two methods of one model
  calm compare birds/net/calm_em birds/net/cam     two variants, with all names
  calm compare mine other --results results/mine   of another study"""

LEVEL = 0.95
_WIDTH = 250  # characters, where no terminal says how wide it is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own."""
    parser.add_argument("first", metavar="A", help="a model or map: its names, joined by slashes")
    parser.add_argument("second", metavar="B", help="what it is compared with")
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        help="results folder of the study (default: %(default)s)",
    )


def run(given: argparse.Namespace) -> None:
    """Print the differences.

    Raises:
        UserError: there are no scores of one of them, or none that both have.
    """
    # they import pandas, which the help does not need
    from pipeline.tables.comparing import compared
    from pipeline.tables.formats import text
    from pipeline.tables.scores import read_groups

    paths = sorted((given.results / "scores").glob("*/*/*/*/seed*/*.json"))
    groups = read_groups(str(path) for path in paths)
    first = _of(groups, given.first, given.results)
    second = _of(groups, given.second, given.results)
    across = first.is_map and second.is_map
    rows = list(compared(first.groups, second.groups, LEVEL, across=across))
    if not rows:
        raise UserError(
            f"Nothing was measured for both {given.first!r} and {given.second!r} on one data set. "
            "To compare maps of two methods, name both: calm compare mine/cam other/gradcam."
        )
    table = Table(title=f"A: {given.first}, B: {given.second}", box=box.SIMPLE_HEAD)
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
