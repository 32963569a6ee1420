import pytest

from pipeline.artefacts.table import Block, Cell, Row, Table
from pipeline.settings import TablesJob
from pipeline.tables.explained import with_explained


def noted(*methods, target="logit", names=("variant", "method")):
    rows = tuple(
        Row(kind="measured", names=("cam", method)[: len(names)], cells={"x": Cell(value=1.0)})
        for method in methods
    )
    table = Table(
        name="a_table",
        title="A table",
        names=dict.fromkeys(names, ""),
        columns={"x": "X"},
        blocks=(Block(heading="", keys={}, rows=rows),),
        notes=("before",),
    )
    job = TablesJob(protocol="corrected", normalisations=("raw",), models={}, target=target)
    return with_explained(table, job).notes[1:]


@pytest.mark.parametrize(
    ("methods", "target", "said"),
    [
        (["cam", "gradient"], "logit", "explain the logit of the class; CALM has no logits"),
        (["gradcam"], "log_prob", "explain log p(y|x)."),
        (
            ["gradient", "vargrad_released"],
            "log_prob",
            "explain log p(y|x); the logit of CAM: vargrad_released.",
        ),
        (["vargrad_released"], "log_prob", "explain the logit of the class (vargrad_released"),
    ],
)
def test_the_note_says_what_gradients_are_of(methods, target, said):
    (note,) = noted(*methods, target=target)
    assert said in note


def test_tables_without_gradients_have_no_note():
    assert noted("cam", "joint", "my_own_maps") == ()
    assert noted("gradient", names=("variant",)) == ()
