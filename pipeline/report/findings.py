"""The findings of a study in plain sentences, computed from the main numbers of its tables.

Models are compared by their paired differences from CAM or another reference, which the tables
have, never by whether two intervals overlap.
"""

from collections.abc import Iterator

from pipeline.artefacts.table import Block, Cell, Row, Table, Tables
from pipeline.catalogue.baselines import BASELINES
from pipeline.tables.formats import digits, text
from pipeline.tables.weak import blind_of, blind_words

# keys of a block that say where it was measured; the others say how
_MEASURED_AT = ("dataset", "architecture", "masks")


def findings(tables: Tables) -> list[str]:
    """One finding for each main number and block of measured rows, in the order of the tables.

    Published rows are never compared.
    """
    return [
        sentence
        for table in tables.tables
        for column in table.main
        for sentence in _of_column(table, column)
    ]


def leads(tables: Tables) -> list[str]:
    """The shortest account of what came out: a sentence for each main number of the first place."""
    found = []
    for table in tables.tables:
        for column in table.main:
            for block in table.blocks[:1]:
                if _measured(block, column):
                    found.append(_lead(table, block, column))
    return found


def _lead(table: Table, block: Block, column: str) -> str:
    rows = _ranked(table, block, column)
    words, best = table.main[column].words, rows[0].cells[column]
    words = words if words[1:2].isupper() else words[0].upper() + words[1:]  # mPxAP stays so
    if best.weak:
        return f"{words}: nothing is clearly better than {_blind(table, block, rows[0], column)}."
    compared = []
    if difference := rows[0].cells.get(table.main[column].delta):
        compared.append(f"against {block.reference} {_difference(table, difference, column)}")
    else:
        compared += _next_model(table, block, rows, column)
    if blind := blind_of(table, block, column, rows[0].names[0]):
        compared.append(f"{blind[0]} {digits(blind[1], column in table.plain)}")
    more = f"; {'; '.join(compared)}" if compared else ""
    extreme, number = _extreme(table, column), _number(table, rows[0], column)
    top = _names(block, rows, column)
    are = "are" if " and " in top else "is"
    return f"{words}: {top} {are} {extreme} with {number}{more}."


def _next_model(table: Table, block: Block, rows: list[Row], column: str) -> Iterator[str]:
    """Where the reference itself is the best: how far the next model's best map is from it."""
    other = next((row for row in rows if row.names[0] != rows[0].names[0]), None)
    if other and (difference := other.cells.get(table.main[column].delta)):
        words = _difference(table, difference, column)
        yield f"next is {_label(block, other)}, against {block.reference} {words}"


def no_better_maps(tables: Tables) -> list[str]:
    """A sentence for each main number and place where maps or models are no better than no image.

    It names the first block of each place: tables show further ones.
    """
    found: list[str] = []
    for table in tables.tables:
        for column in table.main:
            seen: set[str] = set()
            for block in table.blocks:
                if (where := _where(block)) not in seen:
                    seen.add(where)
                    found += _below(table, block, column, where)
    return found


def _below(table: Table, block: Block, column: str, where: str) -> Iterator[str]:
    rows = [row for row in _measured(block, column) if not blind_words(table, row)]
    below: dict[tuple[str, float], list[str]] = {}
    for row in rows:
        blind = blind_of(table, block, column, row.names[0])
        sign = -1 if column in table.lower else 1
        if blind and sign * (row.cells[column].value - blind[1]) <= 0:
            below.setdefault(blind, []).append(_label(block, row))
    for (words, number), names in below.items():
        kind = "maps" if "method" in table.names else "models"
        are = "is" if len(names) == 1 else "are"
        yield (
            f"On {where}, {len(names)} of {len(rows)} {kind} {are} no better in "
            f"{table.main[column].words} than {words} ({digits(number, column in table.plain)}): "
            f"{_listed(names)}."
        )


def _of_column(table: Table, column: str) -> Iterator[str]:
    """Of blocks from the same place the first in full, the others by their best map."""
    seen: set[str] = set()
    for block in table.blocks:
        if not _measured(block, column):
            continue
        where = _where(block)
        if where in seen:
            yield _short(table, block, column, where)
        else:
            seen.add(where)
            yield finding(table, block, column, where)


def finding(table: Table, block: Block, column: str, where: str) -> str:
    """The best map or model of a block, differences from its reference, and the baselines."""
    rows = _ranked(table, block, column)
    words, top = table.main[column].words, _names(block, rows, column)
    if rows[0].cells[column].weak:
        kind = "map" if "method" in table.names else "model"
        blind = _blind(table, block, rows[0], column)
        parts = [f"On {where}, no {kind} is clearly better in {words} than {blind}."]
    else:
        have = "share" if " and " in top else "has"
        extreme, number = _extreme(table, column), _number(table, rows[0], column)
        parts = [f"On {where}, {top} {have} the {extreme} {words}: {number}."]
    parts += _paired(table, block, rows, column)
    baselines = [
        f"{_baseline(row)} {_number(table, row, column)}"
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
    said = [
        f"{_label(block, row)} {_difference(table, row.cells[delta], column)}" for row in compared
    ]
    whose = "each model's best map" if "method" in table.names else "each model"
    yield f"Difference from {block.reference} on the same images, {whose}: {', '.join(said)}."


def _difference(table: Table, cell: Cell, column: str) -> str:
    """``+5.0 [1.0, 9.0] (better)``."""
    plain = column in table.plain
    sign = "+" if cell.value > 0 else ""
    number = sign + text(cell, plain=plain)
    if cell.low is None or cell.high is None:
        return f"{number} (no interval)"
    if cell.low <= 0 <= cell.high:
        return f"{number} (no clear difference)"
    better = (cell.value > 0) != (column in table.lower)
    return f"{number} ({'better' if better else 'worse'})"


def _short(table: Table, block: Block, column: str, where: str) -> str:
    """The best map of a block that differs from an earlier one in how it was measured."""
    rows = _ranked(table, block, column)
    how = " and ".join(
        f"the {key} {value}" for key, value in block.keys.items() if key not in _MEASURED_AT
    )
    if rows[0].cells[column].weak:
        than = _blind(table, block, rows[0], column)
        return f"On {where}, with {how}, no map is clearly better than {than}."
    best = f"{_number(table, rows[0], column)} ({_names(block, rows, column)})"
    return f"On {where}, with {how}, the {_extreme(table, column)} is {best}."


def _blind(table: Table, block: Block, row: Row, column: str) -> str:
    """What a row is no better than and looks at no image; where its model is at chance, so."""
    blind = blind_of(table, block, column, row.names[0])
    if blind is None:
        return "chance, because the models are at chance"
    words, number = blind
    return f"{words} ({digits(number, column in table.plain)})"


def _measured(block: Block, column: str) -> list[Row]:
    return [row for row in block.rows if row.kind == "measured" and column in row.cells]


def _ranked(table: Table, block: Block, column: str) -> list[Row]:
    """The measured rows of a block, the best first and weak ones last."""
    sign = 1 if column in table.lower else -1
    return sorted(
        _measured(block, column),
        key=lambda row: (row.cells[column].weak, sign * row.cells[column].value),
    )


def _extreme(table: Table, column: str) -> str:
    return "lowest" if column in table.lower else "highest"


def _where(block: Block) -> str:
    place = f"{block.keys['dataset']} ({block.keys['architecture']})"
    masks = block.keys.get("masks")
    return f"{place}, against {masks} cue masks" if masks else place


def _baseline(row: Row) -> str:
    name = next(name for name in row.names if name not in ("", "baseline"))
    return BASELINES[name].words if name in BASELINES else name


def _label(block: Block, row: Row) -> str:
    """Model and map of a row, and its target where the map was measured with several."""
    short = row.model_copy(update={"names": row.names[:2]})
    alike = [
        each for each in block.rows if each.kind == "measured" and each.names[:2] == short.names
    ]
    return (short if len(alike) == 1 else row).label


def _names(block: Block, ranked: list[Row], column: str) -> str:
    """Names of all rows with the value of the first: joint and posterior maps often tie."""
    first = ranked[0].cells[column]
    return _listed(
        [
            _label(block, row)
            for row in ranked
            for cell in [row.cells[column]]
            if (cell.weak, cell.value) == (first.weak, first.value)
        ]
    )


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _number(table: Table, row: Row, column: str) -> str:
    return text(row.cells[column], plain=column in table.plain)
