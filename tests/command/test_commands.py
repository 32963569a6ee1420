"""The command `calm` as a user types it."""

import re
import subprocess
import sys

import pytest

from pipeline.command.__main__ import execute
from pipeline.command.app import app
from pipeline.runtime.errors import UserError

COMMANDS = ("init", "fetch", "check", "run", "status", "table", "compare", "explain")


def _calm(*arguments, cwd=None):
    command = [sys.executable, "-m", "pipeline.command", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def _help(capsys, *arguments):
    execute([*arguments, "--help"])
    return capsys.readouterr().out


def test_help_needs_no_pytorch():
    code = (
        "import sys; from pipeline.command.__main__ import execute; execute(['--help'])\n"
        "heavy = ('torch', 'pandas', 'numba', 'numpy', 'snakemake', 'pydantic')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def _examples(command):
    """What a command's help gives as examples, as lists of words."""
    lines = re.sub(r"\\\n +", "", app[command].help_epilogue).splitlines()
    assert lines[0] == "examples:"
    split = [re.split(r"  +", line.strip())[0].split(" | ")[0].split() for line in lines[1:]]
    return [words for words in split if "calm" in words]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_with_examples(command, capsys):
    text = _help(capsys, command)
    examples = text.partition("examples:\n")[2]
    assert re.search(rf"^ +(watch -n 60 )?calm {command}", examples, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_are_valid(command):
    examples = [words[words.index("calm") + 1 :] for words in _examples(command)]
    assert examples
    for words in examples:
        assert words[0] == command
        app.parse_args(words, exit_on_error=False, print_error=False)  # else it raises


def test_the_whole_help_names_every_command(capsys):
    text = _help(capsys)
    for command in COMMANDS:
        assert f"calm {command}" in text
    steps = [line for line in text.splitlines() if re.match(r" *calm \w+ {3,}", line)]
    assert len(steps) == len(COMMANDS)
    for line in steps:  # indented, and whole on a terminal of 80 columns
        assert line in app.help.splitlines()


def test_calm_says_its_version(capsys):
    execute(["--version"])
    assert re.fullmatch(r"\d+\.\d+.*|of a checkout.*", capsys.readouterr().out.strip())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_options(shell):
    script = app.generate_completion(shell=shell)
    for word in (*COMMANDS, "against", "superset", "results", "square"):
        assert word in script


def test_bash_reads_the_script_of_completion(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    execute(["--install-completion", "bash"])
    written = capsys.readouterr().out.partition(" is written")[0]
    ask = (
        f"source {written}; COMP_WORDS=(calm ta); COMP_CWORD=1; COMP_LINE='calm ta'; COMP_POINT=7\n"
        "$(complete -p calm | sed 's/.*-F \\([^ ]*\\).*/\\1/'); echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["table"]


def test_options_of_snakemake_go_on_in_their_order(monkeypatch):
    from pipeline.command import run, status

    taken = []
    monkeypatch.setattr(run, "run", lambda options: taken.append([*options]))
    monkeypatch.setattr(status, "run", lambda options, directory: taken.append([*options]))
    words = ["-c2", "models", "--configfile", "a.yaml", "--config", "a.b=1", "--", "x", "--version"]
    execute(["run", *words])
    execute(["status", *words[2:6]])
    assert taken == [words, words[2:6]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tabel"], 'Unknown command "tabel". Did you mean "table"?'),
        (["explain"], "requires an argument"),
        (["check", "--layout", "square"], "--layout"),
        (["explain", "x.jpg", "--size", "big"], "--size"),
        (["table", "--result", "r"], "table does not know --result. Did you mean --results?"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(words, said, capsys):
    with pytest.raises(SystemExit) as ended:
        execute(words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line


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
