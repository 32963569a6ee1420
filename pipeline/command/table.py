"""``calm table``: a table of results in the terminal."""

import argparse
import csv
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.artefacts.files import check_vouched
from pipeline.artefacts.paths import TABLES
from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest

DESCRIPTION = """\
Print a table of results; without a name, list those there are.

Numbers are in percent unless the report says otherwise, to three digits, with their interval in
brackets and, over several seeds, their standard deviation. The CSV files have every digit."""

EXAMPLES = """\
  calm table                                    which tables there are
  calm table cue_localization                   one of them
  calm table cue --results results/cub          part of a name is enough; another study
  calm table cue | less -S                      a wide one"""

_WIDTH = 250  # characters, where no terminal says how wide it is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own."""
    parser.add_argument("name", nargs="?", help="table, or a part of its name")
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        help="results folder of the study (default: %(default)s)",
    )


def run(given: argparse.Namespace) -> None:
    """Print the table.

    Raises:
        UserError: there are no tables yet, none of this name, or several.
    """
    folder = given.results / "tables"
    paths = {path.stem: path for path in sorted(folder.glob("*.csv"))}
    if not paths:
        raise UserError(
            f"There are no tables in {folder}. Run the study first (calm run), or give its "
            "folder: --results FOLDER."
        )
    if given.name is None:
        for name, path in paths.items():
            print(f"{name:24}{_title(path)}")
        return
    path = paths[_named(given.name, list(paths))]
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(render(path, _title(path)))


def _named(text: str, names: list[str]) -> str:
    """The one name that is ``text`` or contains it."""
    found = [name for name in names if text == name] or [name for name in names if text in name]
    if not found:
        raise UserError(f"There is no table {text!r}{nearest(text, names)}.")
    if len(found) > 1:
        raise UserError(f"Several tables have {text!r} in their name: {', '.join(found)}.")
    return found[0]


def _title(path: Path) -> str:
    """The heading of the table's Markdown file, if there is one."""
    markdown = path.with_suffix(".md")
    return markdown.read_text().partition("\n")[0].lstrip("# ") if markdown.is_file() else ""


def render(path: Path, title: str) -> Table:
    """A CSV of results as a table: one column per number, with its interval.

    Columns that are the same in all rows go into the caption. A line separates blocks of rows that
    differ in masks or normalisation.

    Raises:
        UserError: the file is damaged.
    """
    check_vouched(path, TABLES)
    with open(path, newline="") as stream:
        rows = list(csv.DictReader(stream))
    if not rows:
        raise UserError(f"{path} has no rows. Delete it and run again.")
    columns = list(rows[0])
    numbers = [name for name in columns if f"{name}_low" in columns]
    parts = {f"{name}{part}" for name in numbers for part in ("_low", "_high", "_sd")}
    names = [name for name in columns if name not in numbers and name not in parts]
    same = {n: rows[0][n] for n in names if len(rows) > 1 and len({row[n] for row in rows}) == 1}
    names = [name for name in names if name not in same]
    caption = ", ".join(f"{name}: {value}" for name, value in same.items() if value)
    table = Table(title=title or path.stem, caption=caption, box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(row[name] for name in names), *(_cell(row, name) for name in numbers))
    return table


def _cell(row: dict[str, str], name: str) -> str:
    """A number with its interval and its standard deviation over seeds."""
    from pipeline.artefacts.table import Cell
    from pipeline.tables import formats

    if not row[name]:
        return ""
    keys = {"value": name, **{part: f"{name}_{part}" for part in ("low", "high", "sd")}}
    numbers = {key: float(row[column]) for key, column in keys.items() if row[column]}
    return formats.text(Cell(**numbers), plain=True)
