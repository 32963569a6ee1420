"""Tables as CSV (percent, full precision), Markdown and LaTeX (one decimal, with intervals)."""

import csv
import io
from collections.abc import Iterator

from pipeline.artefacts.table import Block, Cell, Row, Table

_PARTS = ("", "_low", "_high", "_sd")

# units in sentences; a difference of two percentages is no percentage
PERCENT, POINTS = " %", " points"


def to_csv(table: Table) -> str:
    """One line per row; each column of numbers becomes value, low, high and sd, in percent."""
    keys = list(dict.fromkeys(key for block in table.blocks for key in block.keys))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    numbers = [column + part for column in table.columns for part in _PARTS]
    writer.writerow(["kind", *keys, *table.names, "seeds", *numbers])
    for block in table.blocks:
        for row in block.rows:
            cells = [row.cells.get(column) for column in table.columns]
            writer.writerow(
                [row.kind, *(block.keys.get(key, "") for key in keys)]
                + [*row.names]
                + [";".join(str(s.seed) for s in row.sources if s.seed is not None)]
                + [text for cell in cells for text in _exact(cell)]
            )
    return stream.getvalue()


def to_markdown(table: Table) -> str:
    """One heading per block; the best measured value of each column is bold."""
    lines = [f"# {table.title}", ""]
    for block in table.blocks:
        lines += [f"## {block.heading}", ""]
        lines += ["| " + " | ".join([*headings(table)]) + " |"]
        lines += ["|" + "---|" * len(table.names) + "---:|" * len(table.columns)]
        leading = best(table, block)
        for row in block.rows:
            texts = [
                f"**{text}**" if leads(leading, column, row) else text
                for column, text in zip(table.columns, numbers(table, row), strict=True)
            ]
            lines.append("| " + " | ".join([*row.names, *texts]) + " |")
        lines.append("")
    lines += [f"{index}. {note}" for index, note in enumerate(table.notes, start=1)]
    return "\n".join(lines) + "\n"


def to_latex(table: Table) -> str:
    """A ``tabular`` for ``booktabs``, with notes as comments below it."""
    width = len(table.names) + len(table.columns)
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{'l' * len(table.names)}{'r' * len(table.columns)}}}",
        "\\toprule",
        " & ".join(escape(heading) for heading in headings(table)) + r" \\",
    ]
    for block in table.blocks:
        lines += [
            "\\midrule",
            rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escape(block.heading)}}}}}\\",
        ]
        leading = best(table, block)
        for row in block.rows:
            texts = [
                rf"\textbf{{{text}}}" if leads(leading, column, row) else text
                for column, text in zip(table.columns, numbers(table, row, latex=True), strict=True)
            ]
            lines.append(" & ".join([*map(escape, row.names), *texts]) + r" \\")
    lines += ["\\bottomrule", "\\end{tabular}"]
    return "\n".join(lines + [f"% {note}" for note in table.notes]) + "\n"


def headings(table: Table) -> list[str]:
    """Headings of the name columns and of the columns of numbers."""
    return [*table.names.values(), *table.columns.values()]


def numbers(table: Table, row: Row, *, latex: bool = False) -> Iterator[str]:
    """Texts of the columns of numbers."""
    for column in table.columns:
        yield text(row.cells.get(column), latex=latex, plain=column in table.plain)


def text(cell: Cell | None, *, latex: bool = False, plain: bool = False, unit: str = "") -> str:
    """``32.1 [30.0, 34.2] ± 0.4``: number, interval, standard deviation over seeds.

    Percent have one decimal; numbers of a ``plain`` column have three digits, and no ``unit``,
    which stands behind the number where no heading says it.
    """
    if cell is None:
        return "--" if latex else "–"
    value = digits(cell.value, plain) + ("" if plain else unit)
    if cell.low is not None and cell.high is not None:
        value += f" [{digits(cell.low, plain)}, {digits(cell.high, plain)}]"
    if cell.sd is not None:
        sign = r"$\pm$" if latex else "±"
        value += f" {sign} {digits(cell.sd, plain)}"
    return value


def said(number: float, plain: bool) -> str:
    """A number without interval in a sentence: ``32.1 %``, or three digits if it is plain."""
    return digits(number, plain) + ("" if plain else PERCENT)


def digits(number: float, plain: bool) -> str:
    """Percent with one decimal, other numbers with three digits, or whole if they are counts."""
    if plain and number == int(number) and abs(number) >= 100:
        return f"{number:.0f}"
    return f"{number:.3g}" if plain else f"{number:.1f}"


def best(table: Table, block: Block) -> dict[str, float]:
    """Column -> the best measured value, where there are several rows to choose from.

    Weak numbers are never the best: a column may have none.
    """
    measured = [row for row in block.rows if row.kind == "measured"]
    if len(measured) < 2:
        return {}
    found: dict[str, list[float]] = {}
    for row in measured:
        for column, cell in row.cells.items():
            if not cell.weak and not is_delta(column) and column not in table.neither:
                found.setdefault(column, []).append(cell.value)
    return {
        column: (min if column in table.lower else max)(values) for column, values in found.items()
    }


def is_delta(column: str) -> bool:
    """Whether a column holds paired differences."""
    return column.partition(".")[0] == "delta"


def leads(leading: dict[str, float], column: str, row: Row) -> bool:
    """Whether a row has the best value of its block, from :func:`best`; several rows may."""
    cell = row.cells.get(column)
    strong = row.kind == "measured" and cell is not None and not cell.weak
    return strong and cell is not None and leading.get(column) == cell.value


_LATEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "–": "--", "−": "$-$", "±": r"$\pm$"}
_LATEX |= {character: "\\" + character for character in "&%$#_"}
_LATEX |= {"|": r"\textbar{}", "^": r"\^{}", "~": r"\~{}", "<": "$<$", ">": "$>$", "Δ": r"$\Delta$"}


def escape(value: str) -> str:
    """Text as LaTeX shows it."""
    return "".join(_LATEX.get(character, character) for character in value)


def _exact(cell: Cell | None) -> list[str]:
    if cell is None:
        return [""] * len(_PARTS)
    ends = (cell.value, cell.low, cell.high, cell.sd)
    return ["" if number is None else repr(number) for number in ends]
