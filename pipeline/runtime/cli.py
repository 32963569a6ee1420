"""What every stage's command line shares: its config section, its errors, its exit status."""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipeline.runtime import orphans
from pipeline.runtime.errors import UserError, lacks_memory

if TYPE_CHECKING:  # `calm --help` does without
    from pydantic import BaseModel

Section = TypeVar("Section", bound="BaseModel")


def parser(prog: str, description: str) -> argparse.ArgumentParser:
    """An argument parser for ``python -m pipeline.<stage>``."""
    return argparse.ArgumentParser(prog=f"python -m {prog}", description=description)


def add_section(
    arguments: argparse.ArgumentParser, model: "type[BaseModel]", default: str | None = None
) -> None:
    """Add ``--section``: the stage's part of the config, as JSON text or as a path to a file."""
    arguments.add_argument(
        "--section",
        required=default is None,
        default=default,
        metavar="JSON",
        help=f"the {model.__name__} section of the config: JSON text, or a file that holds it",
    )


def read_section(text: str, model: type[Section]) -> Section:
    """Validate ``text`` (JSON, or the path of a JSON file) as ``model``; UserError if it is not."""
    from pydantic import ValidationError

    from pipeline.runtime.validation import explain_validation

    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).read_text()
        except OSError as error:
            raise UserError(f"--section: cannot read {text}: {error.strerror}.") from error
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise UserError(f"--section: {explain_validation(error, model)}") from error


def main(run: Callable[[list[str]], None]) -> None:
    """Run a stage: log to standard error.

    A UserError or a lack of memory becomes one message and exit status 2, Ctrl-C exit status 130.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    try:
        orphans.end_with_snakemake()
        run(sys.argv[1:])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except (MemoryError, RuntimeError, OSError) as error:
        if not lacks_memory(error):
            raise
        print(
            f"error: not enough memory ({error or 'of the process'}). Let fewer jobs run at a time "
            "(--cores), lower the batch size or crop, or use a larger machine, and run again.",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
