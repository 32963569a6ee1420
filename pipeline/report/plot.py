"""The report's first figure: the main numbers of every map as dots with their intervals.

It is drawn as SVG within the page, in the colours of the page, so that it reads on a dark one too.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from pipeline.artefacts.table import Block, Row, Table
from pipeline.catalogue.baselines import BASELINES
from pipeline.tables.formats import digits

PANELS = 4  # the first main numbers; the others are in the table
_WIDTH, _LEFT, _RIGHT, _STEP, _TOP = 368, 148, 14, 19, 8
_AXIS = 34  # below the rows
_HEADING = 24  # above a panel, in a file
_STYLE = (
    "text{font:11px sans-serif;fill:#1c1e21}.panel{font-weight:bold}.tick{font-size:10px;"
    "fill:#5d646d}line{stroke-width:1.5}.grid{stroke:#d8dce1}.floor{stroke:#c62828;"
    "stroke-dasharray:4 3}.floor.other{stroke:#5d646d}.dot{stroke:#0b5cad;fill:#0b5cad}"
    ".weak{stroke:#5d646d;fill:#fff}"
)
_LONGEST = 21  # characters of a row's name; the whole stands in its title


@dataclass(frozen=True)
class Panel:
    """One main number: its heading, and the drawing with its height."""

    heading: str
    drawing: Markup
    height: float


def panels(table: Table, block: Block, of_models: Collection[str] = ()) -> list[Panel]:
    """A panel for each of the first `PANELS` main numbers of a block.

    Args:
        table: the headline.
        block: of it: a data set and architecture.
        of_models: columns with a number for each model, which the table repeats for its maps.
    """
    drawn = []
    for column in table.columns:
        rows = _rows(block, column, column in of_models)
        if rows:
            drawing = _draw(table, block, column, rows)
            height = _TOP + _STEP * len(rows) + _AXIS
            drawn.append(Panel(table.columns[column], drawing, height))
    return drawn[:PANELS]


def standalone(drawn: Sequence[Panel]) -> str:
    """Panels one below the other as an SVG file, in the colours of a white page."""
    parts, y = [], 0.0
    for panel in drawn:
        parts.append(f'<text class="panel" x="0" y="{y + 16}">{escape(panel.heading)}</text>')
        place = f'<svg y="{y + _HEADING}" width="{_WIDTH}" height="{panel.height}"'
        parts.append(str(panel.drawing).replace("<svg", place, 1))
        y += _HEADING + panel.height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{2 * _WIDTH}">'
        f"<style>{_STYLE}</style>{''.join(parts)}</svg>"
    )


def ticks(low: float, high: float) -> list[float]:
    """Up to six round numbers from ``low`` to ``high``, at least one."""
    unit = 10.0 ** math.floor(math.log10((high - low) / 2))
    step = next(unit * many for many in (1, 2, 5) if (high - low) / (unit * many) <= 5.5)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(step * number, 12) for number in range(first, last + 1)]


def _rows(block: Block, column: str, of_model: bool) -> list[tuple[str, Row]]:
    """Name and row of each dot."""
    rows = [row for row in block.rows if row.kind == "measured" and column in row.cells]
    if of_model:
        return list({row.names[0]: row for row in rows}.items())
    return [(row.label, row) for row in rows]


def _draw(table: Table, block: Block, column: str, rows: list[tuple[str, Row]]) -> Markup:
    plain = column in table.plain
    floors = [
        (row.names[1], row.cells[column].value)
        for row in block.rows
        if row.kind == "baseline" and column in row.cells
    ]
    ends = [number for _, number in floors]
    for _, row in rows:
        cell = row.cells[column]
        ends += [each for each in (cell.value, cell.low, cell.high) if each is not None]
    low, high = min(ends), max(ends)
    margin = 0.05 * (high - low) or 1.0
    low, high = low - margin, high + margin
    bottom = _TOP + _STEP * len(rows)

    def at(number: float) -> float:
        return round(_LEFT + (number - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 1)

    parts = []
    for number in ticks(low, high):
        parts.append(
            f'<line class="grid" x1="{at(number)}" x2="{at(number)}" y1="{_TOP}" y2="{bottom}"/>'
            f'<text class="tick" x="{at(number)}" y="{bottom + 13}" text-anchor="middle">'
            f"{number:g}</text>"
        )
    for name, number in floors:
        kind = "floor" if name in BASELINES and BASELINES[name].blind else "floor other"
        parts.append(
            f'<line class="{kind}" x1="{at(number)}" x2="{at(number)}" y1="{_TOP}" y2="{bottom}">'
            f"<title>{escape(name)} {digits(number, plain)}</title></line>"
        )
    for index, (name, row) in enumerate(rows):
        parts.append(_dot(name, row, column, _TOP + _STEP * (index + 0.5), at, plain))
    named = ", ".join(f"{name} {digits(number, plain)}" for name, number in floors)
    if named:
        parts.append(
            f'<text class="tick" x="{_LEFT}" y="{bottom + 28}">dashed: {escape(named)}</text>'
        )
    says = f"{table.columns[column]}: " + ", ".join(
        f"{name} {digits(row.cells[column].value, plain)}" for name, row in rows
    )
    return Markup(
        f'<svg viewBox="0 0 {_WIDTH} {bottom + _AXIS}" role="img" '
        f'aria-label="{escape(says)}">{"".join(parts)}</svg>'
    )


def _dot(
    name: str, row: Row, column: str, y: float, at: Callable[[float], float], plain: bool
) -> str:
    cell = row.cells[column]
    kind = "weak" if cell.weak else "dot"
    short = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    interval = ""
    between = ""
    if cell.low is not None and cell.high is not None:
        ends = f'x1="{at(cell.low)}" x2="{at(cell.high)}"'
        interval = f'<line class="{kind}" {ends} y1="{y}" y2="{y}"/>'
        between = f", {digits(cell.low, plain)} to {digits(cell.high, plain)}"
    return (
        f"<g><title>{escape(name)}: {digits(cell.value, plain)}{between}</title>"
        f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(short)}</text>'
        f'{interval}<circle class="{kind}" cx="{at(cell.value)}" cy="{y}" r="4"/></g>'
    )
