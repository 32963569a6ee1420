import re

import pytest
from rich.console import Console

from pipeline.artefacts.table import Block, Cell, MainNumber, Row, Table, save
from pipeline.command.__main__ import execute
from pipeline.command.table_layout import lay_out
from pipeline.runtime.errors import UserError

NAMES = ("calm_em_with_a_long_name", "counterfactual")


def table(name="cue_localization", title="Cue localisation"):
    """Two data sets, the second between two blocks of the first."""

    def block(dataset, masks, *rows):
        keys = {"dataset": dataset, "architecture": "small", "masks": masks}
        return Block(heading=f"{dataset}, small, {masks} masks", keys=keys, rows=rows)

    cells = {
        "mean": Cell(value=45.83, low=29.5, high=61.66),
        "parts_1": Cell(value=7.25, low=6.5, high=8.0, sd=0.5),
        "parts_2": Cell(value=12.0, low=10.0, high=14.0),
        "pixels": Cell(value=0.1234),
        "weak": Cell(value=99.0, weak=True),
    }
    lower = {column: cell.model_copy(update={"value": 1.0}) for column, cell in cells.items()}
    rows = (
        Row(kind="measured", names=NAMES, cells=cells),
        Row(kind="measured", names=("cam", "cam"), cells=lower),
        Row(kind="published", names=("cam (published)", ""), cells={"mean": Cell(value=20.0)}),
    )
    return Table(
        name=name,
        title=title,
        names={"variant": "Model", "method": "Map"},
        columns={
            "mean": "Mean",
            "parts_1": "One part",
            "parts_2": "Two parts",
            "pixels": "Pixels per image",
            "weak": "Weak",
            "nobody": "Nobody has it",
        },
        blocks=(
            block("birds", "true", *rows),
            block("dogs", "true", rows[1]),
            block("birds", "estimated", rows[2]),
        ),
        main={"mean": MainNumber(heading="Mean", words="mean")},
        plain=("pixels",),
        notes=("A note that is there",),
    )


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    (folder / "tables").mkdir(parents=True)
    save(folder / "tables" / "tables.json", [table(), table("wsol", "Localisation")])
    return folder


def _printed(capsys, *arguments):
    execute(["table", *arguments])
    return capsys.readouterr().out


def _at(width, capsys):
    lay_out(table(), Console(width=width, highlight=False))
    return capsys.readouterr().out


def test_without_a_name_the_tables_are_listed(results, capsys):
    lines = _printed(capsys, "--results", str(results)).splitlines()
    assert [line.split() for line in lines] == [
        ["cue_localization", "Cue", "localisation"],
        ["wsol", "Localisation"],
    ]


@pytest.mark.parametrize("name", ["cue_localization", "cue"])
def test_a_table_has_a_line_a_row_and_its_intervals(results, capsys, name):
    text = _printed(capsys, name, "--results", str(results))
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows[NAMES[0]] == [
        *("counterfactual", "45.8", "[29.5,", "61.7]", "7.2", "[6.5,", "8.0]", "±", "0.5"),
        *("12.0", "[10.0,", "14.0]", "0.123", "99.0"),
    ]
    assert "Cue localisation" in text
    assert "A note that is there" in text
    assert "Nobody" not in text  # a column without a number


@pytest.mark.parametrize("width", [80, 100, 120])
def test_in_a_terminal_names_are_whole_and_lines_fit(width, capsys):
    text = _at(width, capsys)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    numbers = [n for n in ("45.8 [29.5, 61.7]", "7.2 [6.5, 8.0] ± 0.5", "0.123") if n in text]
    assert len(numbers) == 3
    parts = [line for line in lines if line.startswith("calm_em")]
    assert all(line.startswith(NAMES[0]) and NAMES[1] in line for line in parts)
    assert len(parts) == {80: 3, 100: 2, 120: 1}[width]  # names stand again next to what follows


def test_blocks_of_a_data_set_stand_together(capsys):
    headings = re.findall(r"^(birds|dogs), small, (\w+)", _at(80, capsys), re.MULTILINE)
    assert headings == [("birds", "true"), ("birds", "estimated"), ("dogs", "true")]


def test_names_wider_than_the_terminal_are_not_cut(capsys):
    text = _at(30, capsys)
    assert NAMES[0] in text
    assert NAMES[1] in text


def test_the_best_number_stands_out_and_a_weak_one_never(capsys):
    console = Console(width=120, highlight=False, force_terminal=True, color_system="standard")
    lay_out(table(), console)
    text = capsys.readouterr().out
    assert re.search(r"\x1b\[1m *45\.8 ", text)
    assert not re.search(r"\x1b\[1m *99\.0", text)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cue_localisation", "did you mean 'cue_localization'"),
        ("l", "Several.*cue_localization, wsol"),
    ],
)
def test_an_unknown_name_is_answered(results, name, message):
    with pytest.raises(UserError, match=message):
        execute(["table", name, "--results", str(results)])


def test_without_results_the_study_is_still_to_be_made(tmp_path):
    with pytest.raises(UserError, match=r"no tables in .*calm run"):
        execute(["table", "--results", str(tmp_path)])
