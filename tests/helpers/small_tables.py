"""Small tables, built by hand, for sentences about them."""

from pipeline.artefacts.table import Block, Cell, MainNumber, Row, Table

KEYS = {"dataset": "birds", "architecture": "net"}
PLACE = ("birds", "net")


def row(value, *, trained="cam", low=None, high=None, kind="measured", names=("a", "b")):
    cell = Cell(value=value, low=low, high=high)
    return Row(kind=kind, names=names, cells={"x": cell}, trained=trained)


def table_of(keys, rows, lower=()):
    """A table of one block, and the block."""
    block = Block(heading="", keys=keys, rows=rows)
    return table_with((block,), lower), block


def table_with(blocks, lower=()):
    """A table whose main number is x."""
    main = {"x": MainNumber(heading="X", words="score")}
    about = {
        "name": "t",
        "title": "",
        "names": dict.fromkeys(("variant", "method"), ""),
        "columns": {"x": "X"},
    }
    return Table(**about, blocks=blocks, main=main, lower=lower)


def compared(value, name, difference, *, names=None):
    """A row whose paired difference from CAM has these value, low and high ends."""
    cells = {"x": Cell(value=value, low=value - 2, high=value + 2)}
    if difference:
        cells["d"] = Cell(**dict(zip(("value", "low", "high"), difference, strict=True)))
    return Row(kind="measured", names=names or (name, "map"), cells=cells, trained="cam")


def paired_table(rows, lower=(), names=("variant", "method")):
    block = Block(heading="", keys=KEYS, rows=rows)
    main = {"x": MainNumber(heading="X", words="score", delta="d")}
    about = {"name": "t", "title": "", "columns": {"x": "X", "d": "D"}, "lower": lower}
    return Table(**about, names=dict.fromkeys(names, ""), blocks=(block,), main=main), block
