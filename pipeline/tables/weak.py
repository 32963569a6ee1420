"""Numbers that are no evidence: of models at chance, and of maps no better than no image at all.

They are marked in the tables, and never printed in bold or called the highest.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from pipeline.artefacts.table import Block, Cell, Row, Table
from pipeline.catalogue.baselines import BASELINES
from pipeline.tables.formats import is_delta
from pipeline.tables.trunks import column_of, parts_of
from pipeline.tables.wsol import HEADLINES

Model = tuple[str, str, str]  # data set, architecture, variant
_Localised = tuple[str, tuple[str, ...]]  # column of the table of trunks, names of a row


class AtChance(NamedTuple):
    """The top-1 accuracy of a model that is not clearly above chance, and what chance has."""

    accuracy: Cell
    chance: float


def with_weak(tables: Sequence[Table]) -> list[Table]:
    """The tables with their weak numbers marked.

    A number is weak where its interval reaches a baseline that looks at no image
    (:func:`blind_of`) in the same block and column, or where it has no interval and is no better
    than that. Everything is weak of a model whose top-1 accuracy is. In the table of trunks, what
    is weak in the table of localisation, and every mean of a weak number.
    """
    marked = [_marked(table, ()) for table in tables]
    chance = models_at_chance(marked)
    marked = [_marked(table, chance) for table in marked] if chance else marked
    weak = {each for table in marked if table.name == "wsol" for each in _weak_localisation(table)}
    return [_trunks(table, weak) if table.name == "trunks" else table for table in marked]


def models_at_chance(tables: Sequence[Table]) -> dict[Model, AtChance]:
    """The models whose top-1 accuracy is marked as weak, in the order of the table."""
    return {
        (*_place(block, "top1"), row.names[0]): AtChance(row.cells["top1"], blind[1])
        for table in tables
        if table.name == "accuracy"
        for block in table.blocks
        for row in block.rows
        if row.kind == "measured"
        and row.cells["top1"].weak
        and (blind := blind_of(table, block, "top1", row.names[0]))
    }


def blind_words(table: Table, row: Row) -> str | None:
    """What a row is in a sentence if it looks at no image: a baseline, or a method that is one."""
    if row.kind == "published":
        return None
    names = dict(zip(table.names, row.names, strict=True))
    found = BASELINES.get(names.get("method", row.names[-1] if row.kind == "baseline" else ""))
    return found.words if found and found.blind else None


def blind_of(table: Table, block: Block, column: str, model: str) -> tuple[str, float] | None:
    """The best number in a block and column that takes no look at an image, and its words.

    It is of a baseline, or of a method such as ``random`` with the same model: erasing asks the
    model. None where there is none, or no number of the column is better than another.
    """
    if column in table.neither or is_delta(column):
        return None
    found = [
        (words, cell.value)
        for row in block.rows
        if (row.kind == "baseline" or row.names[0] == model)
        and (cell := row.cells.get(column))
        and (words := blind_words(table, row))
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
                or is_no_better(table, block, row, column)
            }
        )
        for column, cell in row.cells.items()
    }
    return row.model_copy(update={"cells": cells})


def is_no_better(table: Table, block: Block, row: Row, column: str) -> bool:
    """Whether the interval of a number, or itself without one, reaches what looks at no image."""
    blind = blind_of(table, block, column, row.names[0])
    if blind is None:
        return False
    cell, (_, number) = row.cells[column], blind
    if column in table.lower:
        return (cell.value if cell.high is None else cell.high) >= number
    return (cell.value if cell.low is None else cell.low) <= number


def _place(block: Block, column: str) -> tuple[str, str]:
    """Data set and architecture of a number; those of some tables are in their columns."""
    if "dataset" in block.keys:
        return block.keys["dataset"], block.keys.get("architecture", "")
    dataset, _, architecture = column.partition("/")
    return dataset, architecture


def _weak_localisation(table: Table) -> Iterator[_Localised]:
    """Column of the table of trunks, and names, of the rows whose number there is weak."""
    for block in table.blocks:
        for row in block.rows:
            cell = next((row.cells[name] for name in HEADLINES if name in row.cells), None)
            if row.kind == "measured" and cell and cell.weak:
                yield column_of(block.keys["dataset"], block.keys["architecture"]), row.names


def _trunks(table: Table, weak: Collection[_Localised]) -> Table:
    def marked(row: Row) -> Row:
        bad = {c for c, cell in row.cells.items() if cell.weak or (c, row.names) in weak}
        cells = {
            column: cell.model_copy(
                update={"weak": not bad.isdisjoint(parts_of(column, row.cells))}
            )
            for column, cell in row.cells.items()
        }
        return row.model_copy(update={"cells": cells})

    blocks = tuple(
        block.model_copy(
            update={"rows": tuple(marked(r) if r.kind == "measured" else r for r in block.rows)}
        )
        for block in table.blocks
    )
    return table.model_copy(update={"blocks": blocks})
