"""A table of results for a terminal: blocks under their headings, as wide as the terminal."""

from collections.abc import Iterator

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from pipeline.artefacts.table import Block, Cell, Table
from pipeline.tables import formats

_BETWEEN = 3  # characters between two columns


def lay_out(table: Table, console: Console) -> None:
    """Print a table: data set after data set, each block of comparable rows under its heading.

    Names are never cut or folded. Columns of numbers that do not fit next to them follow below,
    with the names again. Where names and one column of numbers are wider than the terminal,
    the lines are.
    """
    rows = [row for block in table.blocks for row in block.rows]
    names = [
        max(map(len, column))  # in all blocks the same
        for column in zip(table.names.values(), *(row.names for row in rows), strict=True)
    ]
    numbers = {
        column: max(
            len(text)
            for text in [
                *heading.split(),
                *(_number(table, column, row.cells.get(column)) for row in rows),
            ]
        )
        for column, heading in table.columns.items()
    }
    narrowest = sum(names) + _BETWEEN * len(names) + max(numbers.values(), default=0)
    console.width = max(console.width, narrowest)
    console.print(Text(table.title, "bold"))
    for dataset in dict.fromkeys(block.keys.get("dataset", "") for block in table.blocks):
        for block in table.blocks:
            if block.keys.get("dataset", "") == dataset:
                for part in _parts(table, block, names, numbers, console.width):
                    console.print(part)
    for note in table.notes:
        console.print(Text(note, "dim"))


def _number(table: Table, column: str, cell: Cell | None) -> str:
    return formats.text(cell, plain=column in table.plain) if cell else ""


def _parts(
    table: Table, block: Block, names: list[int], numbers: dict[str, int], width: int
) -> Iterator[RenderableType]:
    """The block's heading, then its columns, as many next to each other as fit."""
    yield Text(f"\n{block.heading}", "bold")
    columns = [c for c in numbers if any(c in row.cells for row in block.rows)]
    room = width - sum(names) - _BETWEEN * len(names)
    while columns:
        used, some = 0, 0
        while some < len(columns) and (not some or used + numbers[columns[some]] <= room):
            used += numbers[columns[some]] + _BETWEEN
            some += 1
        yield _grid(table, block, names, {c: numbers[c] for c in columns[:some]})
        columns = columns[some:]


def _grid(table: Table, block: Block, names: list[int], numbers: dict[str, int]) -> Grid:
    """Names and some columns of numbers; the best of each column in bold, weak ones dimmed."""
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading, width in zip(table.names.values(), names, strict=True):
        grid.add_column(heading, width=width, no_wrap=True)
    for column, width in numbers.items():
        grid.add_column(table.columns[column], width=width, justify="right")
    leading = formats.best(table, block)
    for row in block.rows:
        cells = []
        for column in numbers:
            cell = row.cells.get(column)
            style = "bold" if formats.leads(leading, column, row) else ""
            style = style or ("dim" if cell and cell.weak else "")
            cells.append(Text(_number(table, column, cell), style))
        grid.add_row(*map(Text, row.names), *cells)
    return grid
