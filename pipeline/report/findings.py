"""The findings of a study in plain sentences, computed from its tables."""

from collections.abc import Iterator

from pipeline.artefacts.table import Block, Row, Table, Tables
from pipeline.tables.formats import text

_BASELINES = {
    "chance": "chance",
    "always_head": "always pointing at the head",
    "center_gaussian": "a Gaussian in the centre",
}


def findings(tables: Tables) -> list[str]:
    """One finding per block of measured rows; published rows are never compared."""
    found = [*_cues(tables.get("cue_localization"))]
    for name, column, what in _HEADLINES:
        found += _of_blocks(tables.get(name), column, what)
    return found


_HEADLINES = (
    ("accuracy", "top1", "top-1 accuracy"),
    ("wsol", "maxboxaccv2", "MaxBoxAccV2"),
    ("wsol", "pxap", "PxAP"),
    (
        "erasing",
        "erase.auc.blur.most",
        "accuracy relative to random erasing, averaged over the erased fractions",
    ),
    ("faithfulness", "insertion_deletion.insertion", "insertion area"),
    ("faithfulness", "insertion_deletion.deletion", "deletion area"),
    ("faithfulness", "pointing_game.hit_rate", "hit rate in the pointing game"),
    ("faithfulness", "grid_pointing.localisation", "localisation in grids of images"),
)


def _cues(table: Table | None) -> Iterator[str]:
    """The first normalisation in full, the others by their best map."""
    seen: set[str] = set()
    if table is None:
        return
    for block in table.blocks:
        if not _measured(block, "weighted"):
            continue
        keys = block.keys
        where = f"{_where(block)}, against {keys['masks']} cue masks"
        if where not in seen:
            seen.add(where)
            yield finding(table, block, "weighted", "mPxAP averaged over pairs", where)
        else:
            rows = _measured(block, "weighted")
            best = max(rows, key=lambda row: row.cells["weighted"].value)
            yield (
                f"On {where}, with the normalisation {keys['normalisation']}, the highest is "
                f"{_number(best, 'weighted')} ({_names(rows, best, 'weighted')})."
            )


def _of_blocks(table: Table | None, column: str, what: str) -> Iterator[str]:
    if table is None:
        return
    for block in table.blocks:
        if _measured(block, column):
            yield finding(table, block, column, what, _where(block))


def finding(table: Table, block: Block, column: str, what: str, where: str) -> str:
    """The best map or model of a block, CAM against CALM, and the baselines."""
    lower = column in table.lower
    rows = sorted(
        _measured(block, column), key=lambda row: row.cells[column].value, reverse=not lower
    )
    top = _names(rows, rows[0], column)
    have = "share" if " and " in top else "has"
    extreme = "lowest" if lower else "highest"
    parts = [f"On {where}, {top} {have} the {extreme} {what}: {_number(rows[0], column)}."]
    cam = [row for row in rows if row.trained == "cam"]
    calm = [row for row in rows if row.trained and row.trained.startswith("calm")]
    if cam and calm:
        others = [
            f"The best of {kind} is {_names(alike, alike[0], column)}: {_number(alike[0], column)}"
            for kind, alike in (("CAM", cam), ("CALM", calm))
            if alike[0] is not rows[0]
        ]
        parts.append(f"{'. '.join(others)}; {overlap(cam[0], calm[0], column)}.")
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
    if a.low is None or a.high is None or b.low is None or b.high is None:
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
    *others, last = [_name(row) for row in rows if row.cells[column].value == value]
    return f"{', '.join(others)} and {last}" if others else last


def _number(row: Row, column: str) -> str:
    return text(row.cells[column])
