import logging

from snakemake.logging import logger

from pipeline.artefacts.paths import Paths
from pipeline.artefacts.table import Block, Cell, MainNumber, Row, Table, save
from pipeline.display.closing import announce, closing


def tables(path, architectures=("small",)):
    """Two models of each architecture in one table: calm_em leads with 86.0."""
    rows = [
        Row(kind="measured", names=(name, "joint"), cells={"mean": Cell(value=value)})
        for name, value in (("cam", 70.0), ("calm_em", 86.0))
    ]
    keys = [{"dataset": "birds", "architecture": name} for name in architectures]
    table = Table(
        name="cue_localization",
        title="Cues",
        names={"variant": "Model", "method": "Map"},
        columns={"mean": "Mean"},
        blocks=tuple(Block(heading="birds", keys=each, rows=tuple(rows)) for each in keys),
        main={"mean": MainNumber(heading="mPxAP", words="cue localisation")},
    )
    save(path, [table])


def test_the_last_lines_name_the_report_and_what_came_out(tmp_path):
    tables(tmp_path / "tables.json")
    report, finding = closing("results/report.html", tmp_path / "tables.json").splitlines()
    assert report == "Report: results/report.html"
    assert finding.startswith("Finding: Cue localisation: calm_em")
    assert "highest with 86.0 %." in finding


def test_of_several_places_the_first_is_named(tmp_path):
    tables(tmp_path / "tables.json", architectures=("small", "large"))
    _, finding = closing("report.html", tmp_path / "tables.json").splitlines()
    assert finding.startswith("Finding on birds, small: Cue localisation: calm_em")


def test_without_readable_tables_the_report_is_named_alone(tmp_path):
    assert closing("r.html", tmp_path / "none.json") == "Report: r.html"
    (tmp_path / "tables.json").write_text("{}")
    assert closing("r.html", tmp_path / "tables.json") == "Report: r.html"


def test_a_run_that_makes_no_report_announces_none(tmp_path, caplog):
    paths = Paths(str(tmp_path))
    with caplog.at_level(logging.INFO, logger=logger.name):
        announce({paths.tables}, paths)
        assert not caplog.records
        announce({paths.report}, paths)
    assert caplog.records[0].message == f"Report: {paths.report}"
