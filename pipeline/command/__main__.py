"""The command line ``calm``."""

import sys

from pipeline.runtime import cli


def execute(argv: list[str]) -> None:
    """Run one command; ``argv`` as on the command line.

    Raises:
        SystemExit: the command line is wrong (status 2).
        UserError: the command cannot do what it was asked.
    """
    from cyclopts import CycloptsError, UnknownOptionError

    from pipeline.command.app import app

    try:
        app(argv, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        text = str(error).strip()
        if isinstance(error, UnknownOptionError):
            option = error.token.keyword or error.token.value
            command = " ".join(error.command_chain or ["calm"])
            text = text.replace(f"Unknown option: {option}.", f"{command} does not know {option}.")
        print(f"error: {text} See --help.", file=sys.stderr)
        raise SystemExit(2) from None


def main() -> None:
    """The console script ``calm``."""
    try:
        cli.main(execute)
    except BrokenPipeError:  # `calm table NAME | head`
        sys.stderr.close()


if __name__ == "__main__":
    main()
