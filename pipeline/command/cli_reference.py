"""docs/cli.md: every command line of the package, generated from its argument parser.

`python -m pipeline.command.reference` writes the page; a test keeps it equal to the parsers.
"""

import argparse
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn
from unittest import mock

from cyclopts.argument import Argument

from pipeline.command.app import app

_PACKAGE = Path(__file__).parents[1]
PAGE = _PACKAGE.parent / "docs/cli.md"

_STAGE = re.compile(r"^def run\(argv: list\[str\]\)(.|\n)*^if __name__ ==", re.MULTILINE)

_INTRODUCTION = """\
# Command lines

This page is generated from the argument parsers by
`python -m pipeline.command.reference`; a test keeps it equal to them.

`calm` is for people ([command.md](command.md)); the workflow runs the stages, and so can you. A
stage takes its part of the config as `--section`, JSON text or a file that holds it; the keys are
in [config/README.md](../config/README.md). Exit status 2 and one message say what is wrong with
the input. Logs go to standard error.
"""


class _Built(Exception):
    """Carries a parser out of the function that would have used it."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def page_text() -> str:
    """The page in Markdown: `calm`, then the stages by name."""
    text = _INTRODUCTION + _text_of_calm()
    for name in stages():
        text += _text_of(parser_of(importlib.import_module(name).run))
    return text


def _text_of_calm() -> str:
    """The same of the commands of `calm`, which cyclopts parses."""
    text = f"\n## `calm`\n\n{app.help.splitlines()[0].rstrip(':,')}\n"
    for name in app:
        if name in {*app.help_flags, *app.version_flags}:
            continue
        command = app[name]
        rows = [_row(argument) for argument in command.assemble_argument_collection()]
        text += f"\n### `calm {name}`\n\n{command.help.splitlines()[0]}\n"
        if shown := [row for row in rows if row]:
            text += "\n| argument | meaning |\n|---|---|\n" + "".join(shown)
    return text


def _row(argument: Argument) -> str:
    """A line of the table; empty for what goes on to Snakemake."""
    if not argument.show:
        return ""
    given = argument.parameter.help or ""
    if choices := argument.get_choices():
        given += f" ({', '.join(choices)})"
    default = argument.field_info.default
    if argument.required:
        given += "; required" if argument.name.startswith("-") else ""
    elif default not in (None, (), False, inspect.Parameter.empty) and "default" not in given:
        given += f"; default {default}"
    return f"| `{', '.join(argument.names)}` | {given.replace('|', chr(92) + '|')} |\n"


def stages() -> list[str]:
    """Names of the modules that ``python -m`` runs as a stage, `calm` apart."""
    found = []
    for path in sorted(_PACKAGE.rglob("*.py")):
        parts = path.relative_to(_PACKAGE.parent).with_suffix("").parts
        if _STAGE.search(path.read_text()):
            found.append(".".join(parts))
    return found


def parser_of(run: Callable[[list[str]], None]) -> argparse.ArgumentParser:
    """The parser that a stage's ``run(argv)`` builds, taken when it would parse."""

    def stop(parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise _Built(parser)

    with mock.patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            run([])
        except _Built as built:
            return built.parser
    raise TypeError(f"{run.__module__}.run parses no arguments")


def _text_of(parser: argparse.ArgumentParser) -> str:
    """A heading, what it does, and a table of its options."""
    about = (parser.description or "").splitlines()[0]
    text = f"\n## `{parser.prog}`\n\n{about}\n"
    if rows := [row for action in parser._actions for row in _rows(action)]:
        text += "\n| argument | meaning |\n|---|---|\n" + "".join(rows)
    return text


def _rows(action: argparse.Action) -> Iterator[str]:
    if isinstance(action, argparse._HelpAction):
        return
    name = ", ".join(action.option_strings)
    value = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    if not isinstance(value, str):
        value = " ".join(value)
    if not name:
        name, value = value, ""
    about = (action.help or "") % {"default": action.default}
    if action.choices is not None:
        about += f" ({', '.join(map(str, action.choices))})"
    if action.required and action.option_strings:
        about += "; required"
    elif action.default not in (None, False, argparse.SUPPRESS) and "default" not in about:
        shown = str(action.default).replace(f"{_PACKAGE.parent}/", "")  # the same in every checkout
        about += f"; default {shown}"
    yield f"| `{f'{name} {value}'.strip()}` | {about.replace('|', chr(92) + '|')} |\n"
