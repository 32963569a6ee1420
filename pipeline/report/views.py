"""How the report shows a table: no empty and no repeated column, variants behind a switch, files.

The files themselves (CSV, Markdown, LaTeX) hold every column.
"""

import base64
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from pipeline.artefacts.table import Block, Table
from pipeline.tables.formats import to_csv, to_latex

# keys of a block whose values are shown together: where it was measured, not how
_TOGETHER = ("dataset", "architecture", "source")
_KINDS = {"csv": "text/csv", "tex": "text/plain", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class View:
    """A table of the report.

    Attributes:
        number: of the table on the page.
        name, title: of the table.
        variants: how it was measured -> its blocks, with the columns to be shown; at least one.
        caption: what the table shows, without the rest of the page.
        notes: footnotes, what was left out among them.
        files: name -> ``data:`` URI, each the whole table.
    """

    number: int
    name: str
    title: str
    variants: Mapping[str, Table]
    caption: str
    notes: tuple[str, ...]
    files: Mapping[str, str]


def view(table: Table, number: int, caption: str = "") -> View:
    """How a table is shown."""
    repeated = dict(_repeated(table))
    notes = tuple(
        f"{table.columns[column]} equals {table.columns[first]} in every row, and is not repeated."
        for column, first in repeated.items()
    )
    files = {f"{table.name}.csv": to_csv(table), f"{table.name}.tex": to_latex(table)}
    return View(
        number,
        table.name,
        table.title,
        {label: _shown(table, of, repeated) for label, of in variants_of(table).items()},
        caption,
        (*table.notes, *notes),
        {name: data_uri(name, text) for name, text in files.items()},
    )


def _shown(table: Table, blocks: tuple[Block, ...], repeated: Container[str]) -> Table:
    """The table of some blocks, with those of its columns in which they have a number."""
    found = {c for block in blocks for row in block.rows for c in row.cells}
    columns = {c: h for c, h in table.columns.items() if c in found and c not in repeated}
    return table.model_copy(update={"columns": columns, "blocks": blocks})


def repeats_another(table: Table) -> bool:
    """Whether all of its numbers stand in another table: localisation by trunks, if it has one."""
    return table.name == "trunks" and len(table.columns) == 1


def variants_of(table: Table) -> dict[str, tuple[Block, ...]]:
    """The blocks by how they were measured, in their order; label -> blocks."""
    found: dict[str, list[Block]] = {}
    for block in table.blocks:
        keys = {key: text for key, text in block.keys.items() if key not in _TOGETHER}
        label = ", ".join(f"{key}: {text}" for key, text in keys.items())
        found.setdefault(label, []).append(block)
    return {label: tuple(blocks) for label, blocks in found.items()}


def _repeated(table: Table) -> Iterator[tuple[str, str]]:
    """Columns with the numbers of an earlier main number in every row: (column, the earlier)."""
    rows = [row for block in table.blocks for row in block.rows if row.kind != "published"]
    seen: dict[tuple[object, ...], str] = {}
    for column in table.columns:
        numbers = tuple(
            (round(cell.value, 6), cell.low and round(cell.low, 6)) if cell else None
            for row in rows
            for cell in [row.cells.get(column)]
        )
        if column in table.main and len(set(numbers)) > 1:  # constant ones may agree by chance
            seen[numbers] = column
        elif numbers in seen:
            yield column, seen[numbers]


def data_uri(name: str, text: str) -> str:
    """A text as the address of a file to save; its name says what it is."""
    kind = _KINDS[name.rpartition(".")[2]]
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"
