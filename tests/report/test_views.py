import base64

from finished_study import tables_json

from pipeline.artefacts.table import Block, Cell, MainNumber, Row, Table, load
from pipeline.report.views import repeats_another, variants_of, view
from pipeline.tables.formats import to_csv


def table(*rows, **more):
    columns = {"a": "A", "b": "B", "c": "C"}
    block = Block(heading="", keys={"dataset": "birds", "architecture": "net"}, rows=rows)
    about = {"name": "t", "title": "T", "names": {"variant": "Model"}, "columns": columns}
    about["main"] = {"a": MainNumber(heading="A", words="a")}
    return Table(**(about | {"blocks": (block,)} | more))


def row(**numbers):
    cells = {column: Cell(value=value) for column, value in numbers.items()}
    return Row(kind="measured", names=("cam",), cells=cells)


def test_empty_and_repeated_columns_are_not_shown_and_the_files_hold_them():
    whole = table(row(a=1.0, b=1.0), row(a=2.0, b=2.0))
    shown = view(whole, 3, "A caption.")
    assert list(shown.variants[""].columns) == ["a"]
    assert shown.notes == ("B equals A in every row, and is not repeated.",)
    text = base64.b64decode(shown.files["t.csv"].partition("base64,")[2]).decode()
    assert text == to_csv(whole)
    other = view(table(row(a=1.0, b=1.0), row(a=2.0, b=3.0)), 3)
    assert list(other.variants[""].columns) == ["a", "b"]
    # one row, or equal ones, may agree by chance
    assert list(view(table(row(a=1.0, b=1.0)), 3).variants[""].columns) == ["a", "b"]


def test_each_variant_has_the_columns_in_which_it_has_numbers():
    blocks = [
        Block(heading="", keys={"dataset": "birds", "masks": masks}, rows=(row(**numbers),))
        for masks, numbers in (("drawn", {"a": 1.0, "c": 2.0}), ("true", {"a": 1.0}))
    ]
    shown = view(table(blocks=tuple(blocks)), 3).variants
    assert {label: list(each.columns) for label, each in shown.items()} == {
        "masks: drawn": ["a", "c"], "masks: true": ["a"],
    }  # fmt: skip
    assert [each.blocks for each in shown.values()] == [(block,) for block in blocks]


def test_blocks_measured_in_another_way_are_variants(tmp_path):
    cues = load(tables_json(tmp_path)).get("cue_localization")
    assert list(variants_of(cues)) == [
        "masks: estimated, normalisation: raw",
        "masks: estimated, normalisation: minmax",
        "masks: true, normalisation: raw",
        "masks: true, normalisation: minmax",
    ]
    assert list(variants_of(table(row(a=1.0)))) == [""]


def test_localisation_by_trunks_is_left_out_where_it_repeats_the_table_of_one_trunk(tmp_path):
    tables = load(tables_json(tmp_path))
    assert [each.name for each in tables.tables if repeats_another(each)] == ["trunks"]
    assert not repeats_another(table(row(a=1.0), name="trunks"))
