import pytest
from finished_study import tables_json

from pipeline.artefacts.table import Cell, Row, Tables, load
from pipeline.report.headline import ROWS, headline, of_models, short


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return load(tables_json(tmp_path_factory.mktemp("tables")))


def test_the_headline_has_one_row_a_map_with_its_model_s_accuracy(tables):
    table = headline(tables)
    assert list(table.columns.values()) == ["Top-1 accuracy", "Cues: mPxAP", "MaxBoxAccV2"]
    (block,) = table.blocks
    assert [row.names for row in block.rows] == [
        ("cam", "cam"),
        ("calm_em", "joint"),
        ("calm_em", "conditional"),
        ("calm_ml", "joint"),
        ("baseline", "chance"),
        ("baseline", "always_head"),
        ("baseline", "center_gaussian"),
    ]
    joint = block.rows[1].cells
    assert (joint["top1"].value, joint["top1"].low) == (pytest.approx(80), pytest.approx(78))
    # against estimated cue masks, differences as they are: base 0.4 + 0.02
    assert (joint["weighted"].value, joint["weighted"].high) == (
        pytest.approx(42),
        pytest.approx(45),
    )
    assert joint["maxboxaccv2"].value == pytest.approx(40)
    assert set(block.rows[4].cells) == {"weighted"}
    assert set(block.rows[6].cells) == {"maxboxaccv2"}


def test_published_rows_are_left_to_their_tables(tables):
    assert not any(row.kind == "published" for row in headline(tables).blocks[0].rows)


def test_models_without_maps_stand_alone(tables):
    table = headline(Tables(tables=(tables.get("accuracy"),)))
    assert [row.names for row in table.blocks[0].rows] == [
        ("cam", ""), ("calm_em", ""), ("calm_ml", ""),
    ]  # fmt: skip
    assert [row.trained for row in table.blocks[0].rows] == ["cam", "calm_em", "calm_ml"]


def test_without_a_main_number_there_is_no_headline():
    assert headline(Tables(tables=())) is None


def test_the_first_table_of_many_maps_has_one_of_each_model_whatever_the_results(tables):
    table = headline(tables)
    assert short(table) is table
    (block,) = table.blocks
    more = tuple(
        Row(kind="measured", names=("cam", f"m{n}"), cells={"weighted": Cell(value=99.0)})
        for n in range(ROWS)
    )
    long = table.model_copy(
        update={"blocks": (block.model_copy(update={"rows": (*block.rows, *more)}),)}
    )
    assert [row.names for row in short(long).blocks[0].rows] == [
        ("cam", "cam"), ("calm_em", "joint"), ("calm_ml", "joint"),
        ("baseline", "chance"), ("baseline", "always_head"), ("baseline", "center_gaussian"),
    ]  # fmt: skip


def test_accuracy_is_of_models(tables):
    assert of_models(tables) == {"top1"}
