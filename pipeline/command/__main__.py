"""The command line ``calm``."""

import argparse
import sys

from pipeline.command import check, compare, explain, fetch, init, run, status, table
from pipeline.runtime import cli

_COMMANDS = {
    "init": init,
    "fetch": fetch,
    "check": check,
    "run": run,
    "status": status,
    "table": table,
    "compare": compare,
    "explain": explain,
}

_DESCRIPTION = """\
A study from raw images to tables and figures, step by step:

  calm init       the workflow, laid out in a folder of its own
  calm fetch      download a published data set
  calm check      is all data that the study needs there, and in order?
  calm run        make the study (or go on where it stopped)
  calm status     what is done, running and still to do
  calm table      the results, in the terminal
  calm compare    two models, or two of their maps, on the same images
  calm explain    one image: the prediction, where the model looked, and what that means

Every command has its own help, with examples: calm explain --help
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="calm",
        description=_DESCRIPTION,
        epilog="All of it also works by plain `snakemake`; see docs/command.md.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in _COMMANDS.items():
        summary, _, rest = module.DESCRIPTION.partition("\n")
        command = commands.add_parser(
            name,
            help=summary.rstrip("."),
            description=f"{summary}\n{rest}",
            epilog=f"examples:\n{module.EXAMPLES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(command)
    return parser


def execute(argv: list[str]) -> None:
    """Run one command; ``argv`` as on the command line.

    Options that a command does not know are an error, but for those that go on to Snakemake.
    """
    parser = build_parser()
    given, unknown = parser.parse_known_args(argv)
    module = _COMMANDS[given.command]
    if module in (run, status):
        module.run(given, unknown)
        return
    if unknown:
        parser.error(f"{given.command} does not know {' '.join(unknown)}; see its --help")
    module.run(given)


def main() -> None:
    """The console script ``calm``."""
    try:
        cli.main(execute)
    except BrokenPipeError:  # `calm table NAME | head`
        sys.stderr.close()


if __name__ == "__main__":
    main()
