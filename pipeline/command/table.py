"""``calm table``: a table of results in the terminal."""

from pathlib import Path

from pipeline.artefacts.paths import TABLES
from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest

_WIDTH = 250  # characters, where no terminal says how wide it is


def run(name: str | None, results: Path) -> None:
    """Print the table that has this name or a part of it, or list all.

    Raises:
        UserError: there are no tables yet, none of this name, or several.
    """
    path = results / "tables" / TABLES
    if not path.is_file():
        raise UserError(
            f"There are no tables in {path.parent}. Run the study first (calm run), or give its "
            "folder: --results FOLDER."
        )
    from rich.console import Console

    from pipeline.artefacts.files import check_vouched
    from pipeline.artefacts.table import load
    from pipeline.command.table_layout import lay_out

    tables = {table.name: table for table in load(path).tables}
    if name is None:
        for each in tables.values():
            print(f"{each.name:24}{each.title}")
        return
    name = _named(name, list(tables))
    check_vouched(path.with_name(f"{name}.csv"), TABLES)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    lay_out(tables[name], console)


def _named(text: str, names: list[str]) -> str:
    """The one name that is ``text`` or contains it."""
    found = [name for name in names if text == name] or [name for name in names if text in name]
    if not found:
        raise UserError(f"There is no table {text!r}{nearest(text, names)}.")
    if len(found) > 1:
        raise UserError(f"Several tables have {text!r} in their name: {', '.join(found)}.")
    return found[0]
