"""The findings of a study in plain sentences, computed from its tables."""

from collections.abc import Iterator

from pipeline.tables.formats import text
from pipeline.tables.table import Block, Row, Table, Tables

_BASELINES = {
    "chance": "chance",
    "always_head": "always pointing at the head",
    "center_gaussian": "a Gaussian in the centre",
}


def findings(tables: Tables) -> list[str]:
    """One finding a block of measured rows; published rows are never compared."""
    return [
        *_cues(tables["table1_cues"]),
        *_of_blocks(tables["table2_accuracy"], "top1", "top-1 accuracy"),
        *_of_blocks(tables["table3_wsol"], "maxboxaccv2", "MaxBoxAccV2"),
    ]


def _cues(table: Table) -> Iterator[str]:
    """The first normalisation in full, the others by their best map."""
    seen = set()
    for block in table.blocks:
        if not _measured(block, "weighted"):
            continue
        keys = block.keys
        where = f"{_where(block)}, against {keys['masks']} cue masks"
        if where not in seen:
            seen.add(where)
            yield finding(block, "weighted", "mPxAP averaged over pairs", where)
        else:
            rows = _measured(block, "weighted")
            best = max(rows, key=lambda row: row.cells["weighted"].value)
            yield (
                f"On {where}, with the normalisation {keys['normalisation']}, the highest is "
                f"{_number(best, 'weighted')} ({_names(rows, best, 'weighted')})."
            )


def _of_blocks(table: Table, column: str, what: str) -> Iterator[str]:
    for block in table.blocks:
        if _measured(block, column):
            yield finding(block, column, what, _where(block))


def finding(block: Block, column: str, what: str, where: str) -> str:
    """The best map or model of a block, CAM against CALM, and the baselines."""
    rows = sorted(_measured(block, column), key=lambda row: -row.cells[column].value)
    top = _names(rows, rows[0], column)
    have = "share" if " and " in top else "has"
    parts = [f"On {where}, {top} {have} the highest {what}: {_number(rows[0], column)}."]
    cam = next((row for row in rows if _is_cam(row)), None)
    calm = next((row for row in rows if not _is_cam(row)), None)
    if cam and calm:
        other, kind = (calm, "CALM") if cam is rows[0] else (cam, "CAM")
        alike = [row for row in rows if _is_cam(row) == _is_cam(other)]
        parts.append(
            f"The best of {kind} is {_names(alike, other, column)}: "
            f"{_number(other, column)}; {overlap(cam, calm, column)}."
        )
    baselines = [
        f"{_BASELINES.get(row.names[1], row.names[1])} {_number(row, column)}"
        for row in block.rows
        if row.kind == "baseline" and column in row.cells
    ]
    if baselines:
        parts.append(f"For comparison: {', '.join(baselines)}.")
    return " ".join(parts)


def overlap(first: Row, second: Row, column: str) -> str:
    """Whether two rows' intervals overlap, in words."""
    a, b = first.cells[column], second.cells[column]
    if None in (a.low, a.high, b.low, b.high):
        return "there are no intervals to compare"
    meet = a.low <= b.high and b.low <= a.high
    return "their intervals overlap" if meet else "their intervals do not overlap"


def _measured(block: Block, column: str) -> list[Row]:
    return [row for row in block.rows if row.kind == "measured" and column in row.cells]


def _where(block: Block) -> str:
    return f"{block.keys['dataset']} ({block.keys['architecture']})"


def _name(row: Row) -> str:
    return " · ".join(dict.fromkeys(name for name in row.names if name))


def _names(rows: list[Row], best: Row, column: str) -> str:
    """Names of all rows with the value of the best: joint and posterior maps often tie."""
    value = best.cells[column].value
    return " and ".join(_name(row) for row in rows if row.cells[column].value == value)


def _is_cam(row: Row) -> bool:
    return row.trained == "cam"


def _number(row: Row, column: str) -> str:
    return text(row.cells[column])
