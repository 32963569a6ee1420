"""The findings of a study in plain sentences, computed from the main numbers of its tables."""

from collections.abc import Iterator

from pipeline.artefacts.table import Block, Row, Table, Tables
from pipeline.catalogue.training_methods import REFERENCE, TRAINING_METHODS
from pipeline.tables.formats import text

_BASELINES = {
    "chance": "chance",
    "always_head": "always pointing at the head",
    "center_gaussian": "a Gaussian in the centre",
}
# keys of a block that say where it was measured; the others say how
_PLACE = ("dataset", "architecture", "masks")


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


def _of_column(table: Table, column: str) -> Iterator[str]:
    """Of blocks from the same place the first in full, the others by their best map."""
    words = table.main[column].words
    seen: set[str] = set()
    for block in table.blocks:
        if not _measured(block, column):
            continue
        where = _where(block)
        if where in seen:
            yield _short(table, block, column, where)
        else:
            seen.add(where)
            yield finding(table, block, column, words, where)


def finding(table: Table, block: Block, column: str, words: str, where: str) -> str:
    """The best map or model of a block, CAM against CALM, and the baselines."""
    rows = _ranked(table, block, column)
    top = _names(rows, column)
    have = "share" if " and " in top else "has"
    extreme = _extreme(table, column)
    parts = [f"On {where}, {top} {have} the {extreme} {words}: {_number(table, rows[0], column)}."]
    cam = [row for row in rows if row.trained == REFERENCE]
    calms = {name for name, method in TRAINING_METHODS.items() if method.kind == "calm"}
    calm = [row for row in rows if row.trained in calms]  # a model from elsewhere is "given"
    if cam and calm:
        others = [
            f"The best of {kind} is {_names(alike, column)}: {_number(table, alike[0], column)}"
            for kind, alike in (("CAM", cam), ("CALM", calm))
            if alike[0] is not rows[0]
        ]
        parts.append(f"{'. '.join(others)}; {overlap(cam[0], calm[0], column)}.")
    baselines = [
        f"{_BASELINES.get(row.names[1], row.names[1])} {_number(table, row, column)}"
        for row in block.rows
        if row.kind == "baseline" and column in row.cells
    ]
    if baselines:
        parts.append(f"For comparison: {', '.join(baselines)}.")
    return " ".join(parts)


def _short(table: Table, block: Block, column: str, where: str) -> str:
    """The best map of a block that differs from an earlier one in how it was measured."""
    rows = _ranked(table, block, column)
    how = " and ".join(
        f"the {key} {value}" for key, value in block.keys.items() if key not in _PLACE
    )
    best = f"{_number(table, rows[0], column)} ({_names(rows, column)})"
    return f"On {where}, with {how}, the {_extreme(table, column)} is {best}."


def overlap(first: Row, second: Row, column: str) -> str:
    """Whether two rows' intervals overlap, in words."""
    a, b = first.cells[column], second.cells[column]
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return "there are no intervals to compare"
    meet = a.low <= b.high and b.low <= a.high
    return "their intervals overlap" if meet else "their intervals do not overlap"


def _measured(block: Block, column: str) -> list[Row]:
    return [row for row in block.rows if row.kind == "measured" and column in row.cells]


def _ranked(table: Table, block: Block, column: str) -> list[Row]:
    """The measured rows of a block, the best first."""
    return sorted(
        _measured(block, column),
        key=lambda row: row.cells[column].value,
        reverse=column not in table.lower,
    )


def _extreme(table: Table, column: str) -> str:
    return "lowest" if column in table.lower else "highest"


def _where(block: Block) -> str:
    place = f"{block.keys['dataset']} ({block.keys['architecture']})"
    masks = block.keys.get("masks")
    return f"{place}, against {masks} cue masks" if masks else place


def _name(row: Row) -> str:
    return " · ".join(dict.fromkeys(name for name in row.names if name))


def _names(ranked: list[Row], column: str) -> str:
    """Names of all rows with the value of the first: joint and posterior maps often tie."""
    value = ranked[0].cells[column].value
    *others, last = [_name(row) for row in ranked if row.cells[column].value == value]
    return f"{', '.join(others)} and {last}" if others else last


def _number(table: Table, row: Row, column: str) -> str:
    return text(row.cells[column], plain=column in table.plain)
