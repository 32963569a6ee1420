import argparse

from pipeline.command import cli_reference
from pipeline.command.cli_reference import parser_of
from pipeline.runtime.cli import parser


def test_the_page_is_generated_from_the_parsers():
    message = "run: python -m pipeline.command.reference"
    assert cli_reference.PAGE.read_text() == cli_reference.page_text(), message


def test_every_stage_of_the_workflow_is_on_the_page():
    page = cli_reference.PAGE.read_text()
    for name in ("datasets", "sharding", "cues", "training", "attribution", "tables"):
        assert f"\n## `python -m pipeline.{name}`\n" in page
    for command in ("run", "check", "explain"):
        assert f"\n### `calm {command}`\n" in page
    assert "| `--section JSON` |" in page
    assert "| `--resize` | the whole image squeezed" in page
    assert "(square, short_side)" in page
    assert "| `--results` | results folder of the study; default results |" in page


def test_a_parser_is_taken_without_running_the_stage():
    def run(argv):
        arguments = parser("pipeline.nothing", "Do nothing.")
        arguments.add_argument("--count", type=int, default=3, help="how many | of them")
        arguments.parse_args(argv)
        raise AssertionError("the stage ran")

    original = argparse.ArgumentParser.parse_args
    taken = parser_of(run)
    assert argparse.ArgumentParser.parse_args is original
    text = cli_reference._text_of(taken)
    assert "## `python -m pipeline.nothing`\n\nDo nothing.\n" in text
    assert "| `--count COUNT` | how many \\| of them; default 3 |" in text
