import pytest

from pipeline.command.__main__ import execute
from pipeline.runtime.errors import UserError

CSV = """\
kind,dataset,masks,method,seeds,parts_1,parts_1_low,parts_1_high,parts_1_sd,delta,delta_low,\
delta_high,delta_sd
measured,birds,estimated,cam,0,45.83,29.5,61.66,,,,,
measured,birds,estimated,joint,0;1,7.25,6.5,8,0.5,-38.58,,,
"""


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "cue_localization.csv").write_text(CSV)
    (folder / "tables" / "cue_localization.md").write_text("# Cue localisation\n\nmore\n")
    (folder / "tables" / "wsol.csv").write_text(CSV)
    return folder


def _printed(capsys, *arguments):
    execute(["table", *arguments])
    return capsys.readouterr().out


def test_without_a_name_the_tables_are_listed(results, capsys):
    lines = _printed(capsys, "--results", str(results)).splitlines()
    assert [line.split() for line in lines] == [
        ["cue_localization", "Cue", "localisation"],
        ["wsol"],
    ]


@pytest.mark.parametrize("name", ["cue_localization", "cue"])
def test_a_table_has_a_line_a_row_and_its_intervals(results, capsys, name):
    text = _printed(capsys, name, "--results", str(results))
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows["method"] == ["seeds", "parts_1", "delta"]
    assert rows["cam"] == ["0", "45.8", "[29.5,", "61.7]"]
    assert rows["joint"] == ["0;1", "7.25", "[6.5,", "8]", "±", "0.5", "-38.6"]
    assert "Cue localisation" in text
    assert "dataset: birds, masks: estimated" in text


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
