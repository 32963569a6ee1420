"""The findings of a study in plain sentences, computed from the main numbers of its tables.

Models are compared by their paired differences from CAM or another reference, which the tables
have, never by whether two intervals overlap.
"""

from collections.abc import Iterator

from pipeline.artefacts.table import Block, Cell, Row, Table, Tables
from pipeline.report.no_evidence import Chance, no_best
from pipeline.report.wording import (
    baseline,
    difference,
    kind_of,
    label,
    listed,
    measured,
    number,
    where,
)
from pipeline.tables.formats import said
from pipeline.tables.weak import blind_of, blind_words, models_at_chance

# keys of a block that say where it was measured; the others say how
_MEASURED_AT = ("dataset", "architecture", "masks")


def findings(tables: Tables) -> list[str]:
    """One finding for each main number and block of measured rows, in the order of the tables.

    Published rows are never compared.
    """
    chance = models_at_chance(tables.tables)
    return [
        sentence
        for table in tables.tables
        for column in table.main
        for sentence in _of_column(table, column, chance)
    ]


def leads(tables: Tables) -> dict[tuple[str, str], list[str]]:
    """The shortest account of what came out: a sentence for each main number of each place.

    Returns:
        Data set and architecture -> sentences, of the first block of every table there.
    """
    chance = models_at_chance(tables.tables)
    found: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for table in tables.tables:
        for column in table.main:
            for block in table.blocks:
                of_place = found.setdefault((block.keys["dataset"], block.keys["architecture"]), {})
                if (table.name, column) not in of_place and measured(block, column):
                    of_place[table.name, column] = _lead(table, block, column, chance)
    return {place: list(sentences.values()) for place, sentences in found.items() if sentences}


def _lead(table: Table, block: Block, column: str, chance: Chance) -> str:
    rows = _ranked(table, block, column)
    words, best = table.main[column].words, rows[0].cells[column]
    words = words if words[1:2].isupper() else words[0].upper() + words[1:]  # mPxAP stays so
    if best.weak:
        return f"{words}: {no_best(table, block, rows, column, chance, '')}."
    compared = []
    if delta := rows[0].cells.get(table.main[column].delta):
        compared.append(f"against {block.reference} {difference(table, delta, column)}")
    else:
        compared += _next_model(table, block, rows, column)
    if blind := blind_of(table, block, column, rows[0].names[0]):
        compared.append(f"{blind[0]} {said(blind[1], column in table.plain)}")
    compared += _better_baselines(table, block, best, column)
    more = f"; {'; '.join(compared)}" if compared else ""
    top = _names(block, rows, column)
    if len(rows) == 1:
        are = "has"
    else:
        are = f"{'are' if ' and ' in top else 'is'} {_extreme(table, column)} with"
    return f"{words}: {top} {are} {number(table, rows[0], column)}{more}."


def _better_baselines(table: Table, block: Block, best: Cell, column: str) -> Iterator[str]:
    """Baselines that know something of the image, and by this number more than every map."""
    sign = -1 if column in table.lower else 1
    for row in block.rows:
        cell = row.cells.get(column)
        if row.kind != "baseline" or cell is None or blind_words(table, row):
            continue
        if sign * (cell.value - best.value) > 0:
            yield f"{baseline(row)} {said(cell.value, column in table.plain)}"


def _next_model(table: Table, block: Block, rows: list[Row], column: str) -> Iterator[str]:
    """Where the reference itself is the best: how far the next model's best map is from it."""
    other = next((row for row in rows if row.names[0] != rows[0].names[0]), None)
    if other and (delta := other.cells.get(table.main[column].delta)):
        words = difference(table, delta, column)
        yield f"next is {label(block, other)}, against {block.reference} {words}"


def _of_column(table: Table, column: str, chance: Chance) -> Iterator[str]:
    """Of blocks from the same place the first in full, the others by their best map."""
    seen: set[str] = set()
    for block in table.blocks:
        if not measured(block, column):
            continue
        place = where(block)
        if place in seen:
            yield _short(table, block, column, place, chance)
        else:
            seen.add(place)
            yield finding(table, block, column, place, chance)


def finding(table: Table, block: Block, column: str, place: str, chance: Chance) -> str:
    """The best map or model of a block, differences from its reference, and the baselines."""
    rows = _ranked(table, block, column)
    words, top = table.main[column].words, _names(block, rows, column)
    if rows[0].cells[column].weak:
        parts = [f"On {place}, {no_best(table, block, rows, column, chance, f' in {words}')}."]
    elif len(rows) == 1:
        parts = [f"On {place}, {top} has {number(table, rows[0], column)} in {words}."]
    else:
        have = "share" if " and " in top else "has"
        extreme, best = _extreme(table, column), number(table, rows[0], column)
        parts = [f"On {place}, {top} {have} the {extreme} {words}: {best}."]
    parts += _paired(table, block, rows, column)
    baselines = [
        f"{baseline(row)} {number(table, row, column)}"
        for row in block.rows
        if row.kind == "baseline" and column in row.cells
    ]
    if baselines:
        parts.append(f"For comparison: {', '.join(baselines)}.")
    return " ".join(parts)


def _paired(table: Table, block: Block, rows: list[Row], column: str) -> Iterator[str]:
    """How the best map of every model differs from the block's reference on the same images."""
    delta = table.main[column].delta
    best = {row.names[0]: row for row in reversed(rows)}  # of each model
    compared = [row for row in rows if row is best[row.names[0]] and delta in row.cells]
    if not compared:
        return
    sentences = [
        f"{label(block, row)} {difference(table, row.cells[delta], column)}" for row in compared
    ]
    whose = "each model's best map" if kind_of(table) == "map" else "each model"
    yield f"Difference from {block.reference} on the same images, {whose}: {', '.join(sentences)}."


def _short(table: Table, block: Block, column: str, place: str, chance: Chance) -> str:
    """The best map of a block that differs from an earlier one in how it was measured."""
    rows = _ranked(table, block, column)
    how = " and ".join(
        f"the {key} {value}" for key, value in block.keys.items() if key not in _MEASURED_AT
    )
    if rows[0].cells[column].weak:
        return f"On {place}, with {how}, {no_best(table, block, rows, column, chance, '')}."
    top, best = _names(block, rows, column), number(table, rows[0], column)
    if len(rows) == 1:
        return f"On {place}, with {how}, {top} has {best}."
    return f"On {place}, with {how}, the {_extreme(table, column)} is {best} ({top})."


def _ranked(table: Table, block: Block, column: str) -> list[Row]:
    """The measured rows of a block, the best first and weak ones last."""
    sign = 1 if column in table.lower else -1
    return sorted(
        measured(block, column),
        key=lambda row: (row.cells[column].weak, sign * row.cells[column].value),
    )


def _extreme(table: Table, column: str) -> str:
    return "lowest" if column in table.lower else "highest"


def _names(block: Block, ranked: list[Row], column: str) -> str:
    """Names of all rows with the value of the first: joint and posterior maps often tie."""
    first = ranked[0].cells[column]
    return listed(
        [
            label(block, row)
            for row in ranked
            for cell in [row.cells[column]]
            if (cell.weak, cell.value) == (first.weak, first.value)
        ]
    )
