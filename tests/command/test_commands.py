"""The command `calm` as a user types it."""

import re
import subprocess
import sys

import pytest

from pipeline.command.__main__ import build_parser, execute
from pipeline.runtime.errors import UserError

COMMANDS = ("init", "fetch", "check", "run", "status", "table", "explain")


def _calm(*arguments, cwd=None):
    command = [sys.executable, "-m", "pipeline.command", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_help_needs_no_pytorch():
    code = (
        "import sys; from pipeline.command.__main__ import build_parser; build_parser()\n"
        "print([m for m in ('torch', 'pandas', 'numba', 'snakemake') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_with_examples(command, capsys):
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args([command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    examples = text.partition("examples:\n")[2]
    assert re.search(rf"^ +(watch -n 60 )?calm {command}", examples, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_are_valid(command):
    from pipeline.command import __main__ as program

    parser = build_parser()
    for line in program._COMMANDS[command].EXAMPLES.splitlines():
        words = re.split(r"  +", line.strip())[0].split(" | ")[0].split()
        if words[:1] == ["calm"]:
            given, unknown = parser.parse_known_args(words[1:])
            assert given.command == command
            assert not unknown or command in ("run", "status")


def test_the_whole_help_names_every_command():
    text = build_parser().format_help()
    for command in COMMANDS:
        assert f"calm {command}" in text


def test_unknown_options_are_refused_where_they_go_nowhere(capsys):
    with pytest.raises(SystemExit):
        execute(["table", "--colour", "red"])
    assert "table does not know --colour" in capsys.readouterr().err


def test_a_users_error_is_one_message(tmp_path):
    done = _calm("run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: There is no Snakefile in ")
    assert "Traceback" not in done.stderr


def test_check_says_what_is_missing(tmp_path, capsys):
    config = tmp_path / "birds.yaml"
    config.write_text(
        "architectures: {net: {trunk: resnet_small, weights: none}}\n"
        "datasets: {birds: {root: nowhere, records: {layout: cub}, architectures: [net],"
        " variants: {cam: {}}}}\n"
    )
    with pytest.raises(
        UserError, match="names 1 data sets, weights or functions that cannot be used"
    ):
        execute(["check", str(config)])
    assert "Where to get it" in capsys.readouterr().out


def test_check_says_what_comes_next(tmp_path, capsys):
    config = tmp_path / "drawn.yaml"
    config.write_text(
        "architectures: {net: {trunk: resnet_small, weights: none}}\n"
        "datasets: {birds: {draw: {}, architectures: [net], variants: {cam: {}}}}\n"
    )
    execute(["check", str(config)])
    assert f"calm run --configfile {config}" in capsys.readouterr().out
