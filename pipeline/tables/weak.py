"""Numbers that are no evidence: of models at chance, and of maps no better than no image at all.

They are marked in the tables, and never printed in bold or called the highest.
"""

from collections.abc import Collection, Sequence

from pipeline.artefacts.table import Block, Cell, Row, Table

# baselines that look at no image, and how a sentence calls them
BLIND = {
    "chance": "chance",
    "random": "random pixels",
    "center_gaussian": "a Gaussian in the centre",
}
Model = tuple[str, str, str]  # data set, architecture, variant


def with_weak(tables: Sequence[Table]) -> list[Table]:
    """The tables with their weak numbers marked.

    A number is weak where its interval reaches a baseline of `BLIND` in the same block and column,
    or where it has no interval and is no better than that. Everything is weak of a model whose
    top-1 accuracy is.
    """
    marked = [_marked(table, ()) for table in tables]
    chance = models_at_chance(marked)
    return [_marked(table, chance) for table in marked] if chance else marked


def models_at_chance(tables: Sequence[Table]) -> set[Model]:
    """The models whose top-1 accuracy is not clearly above chance."""
    return {
        (block.keys["dataset"], block.keys["architecture"], row.names[0])
        for table in tables
        if table.name == "accuracy"
        for block in table.blocks
        for row in block.rows
        if row.kind == "measured" and row.cells["top1"].weak
    }


def blind_of(table: Table, block: Block, column: str) -> tuple[str, float] | None:
    """The best of the baselines of `BLIND` in a block and column: its words and number."""
    found = [
        (BLIND[name], row.cells[column].value)
        for row in block.rows
        if row.kind == "baseline" and column in row.cells
        for name in BLIND.keys() & {*row.names}
    ]
    sign = -1 if column in table.lower else 1
    return max(found, key=lambda each: sign * each[1], default=None)


def _marked(table: Table, chance: Collection[Model]) -> Table:
    blocks = tuple(
        block.model_copy(
            update={"rows": tuple(_row(table, block, row, chance) for row in block.rows)}
        )
        for block in table.blocks
    )
    return table.model_copy(update={"blocks": blocks})


def _row(table: Table, block: Block, row: Row, chance: Collection[Model]) -> Row:
    if row.kind != "measured":
        return row
    cells = {
        column: cell.model_copy(
            update={
                "weak": cell.weak
                or (*_place(block, column), row.names[0]) in chance
                or _is_weak(table, block, column, cell)
            }
        )
        for column, cell in row.cells.items()
    }
    return row.model_copy(update={"cells": cells})


def _is_weak(table: Table, block: Block, column: str, cell: Cell) -> bool:
    blind = blind_of(table, block, column)
    if blind is None:
        return False
    _, number = blind
    if column in table.lower:
        return (cell.value if cell.high is None else cell.high) >= number
    return (cell.value if cell.low is None else cell.low) <= number


def _place(block: Block, column: str) -> tuple[str, str]:
    """Data set and architecture of a number; those of some tables are in their columns."""
    if "dataset" in block.keys:
        return block.keys["dataset"], block.keys.get("architecture", "")
    dataset, _, architecture = column.partition("/")
    return dataset, architecture
