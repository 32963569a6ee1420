"""How the report's sentences name rows, places and numbers of a table."""

from collections.abc import Sequence

from pipeline.artefacts.table import Block, Cell, Row, Table
from pipeline.catalogue.baselines import BASELINES
from pipeline.tables.formats import PERCENT, POINTS, text


def kind_of(table: Table) -> str:
    """What its rows are: a ``map`` or a ``model``."""
    return "map" if "method" in table.names else "model"


def where(block: Block) -> str:
    """Data set, architecture and, if there are any, the masks that maps are compared with."""
    place = f"{block.keys['dataset']} ({block.keys['architecture']})"
    masks = block.keys.get("masks")
    return f"{place}, against {masks} cue masks" if masks else place


def measured(block: Block, column: str) -> list[Row]:
    """The measured rows that have a number in a column."""
    return [row for row in block.rows if row.kind == "measured" and column in row.cells]


def label(block: Block, row: Row) -> str:
    """Model and map of a row, and its target where the map was measured with several."""
    short = row.model_copy(update={"names": row.names[:2]})
    alike = [
        each for each in block.rows if each.kind == "measured" and each.names[:2] == short.names
    ]
    return (short if len(alike) == 1 else row).label


def baseline(row: Row) -> str:
    """A baseline in words."""
    name = next(name for name in row.names if name not in ("", "baseline"))
    return BASELINES[name].words if name in BASELINES else name


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def number(table: Table, row: Row, column: str) -> str:
    """``51.3 % [46.5, 56.2]``; plain numbers have no unit."""
    return text(row.cells[column], plain=column in table.plain, unit=PERCENT)


def difference(table: Table, cell: Cell, column: str) -> str:
    """``+5.0 points [1.0, 9.0] (better)``: a paired difference in a column."""
    sign = "+" if cell.value > 0 else ""
    words = sign + text(cell, plain=column in table.plain, unit=POINTS)
    if cell.low is None or cell.high is None:
        return f"{words} (no interval)"
    if cell.low <= 0 <= cell.high:
        return f"{words} (no clear difference)"
    better = (cell.value > 0) != (column in table.lower)
    return f"{words} ({'better' if better else 'worse'})"
