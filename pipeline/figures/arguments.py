"""From a command line to the typed inputs of a figure: what all figures share.

A figure is a module with ``add_arguments(parser)`` and ``draw(...) -> Figure``. The parameters of
``draw`` are the figure's arguments by their names; it may also ask for ``section``, the report's
section of the config, and for ``machine``.
"""

import inspect
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import machine_from
from pipeline.settings import Report


def add_title(arguments: ArgumentParser) -> None:
    """Add ``--title``."""
    arguments.add_argument("--title", required=True, help="above the figure")


def add_images(arguments: ArgumentParser) -> None:
    """Add ``--shards``, ``--records`` and ``--classes``: the test images and their classes."""
    arguments.add_argument(
        "--shards", type=Path, required=True, help="manifest.json of the test split"
    )
    arguments.add_argument("--records", type=Path, required=True, help="records of the test split")
    arguments.add_argument(
        "--classes", type=Path, required=True, help="classes.csv of the data set"
    )


def add_named(
    arguments: ArgumentParser,
    names: str,
    about: str,
    *,
    choices: tuple[str, ...] | None = None,
    **files: str,
) -> None:
    """Add a list of names, and lists of files that have these names.

    Args:
        arguments: of the figure, which gets every list of files as a mapping name -> path.
        names: argument of the names, such as ``variants``.
        about: its help.
        choices: the names that there are.
        files: argument of a list of files -> its help.
    """
    arguments.add_argument(f"--{names}", nargs="+", required=True, choices=choices, help=about)
    for name, help_ in files.items():
        arguments.add_argument(f"--{name}", type=Path, nargs="+", required=True, help=help_)
    arguments.set_defaults(named=dict.fromkeys(files, names))


def add_maps(arguments: ArgumentParser) -> None:
    """Add ``--names`` and ``--maps``: maps of several models and methods."""
    add_named(arguments, "names", "VARIANT/METHOD of each map", maps="files of maps")


def inputs_of(
    draw: Callable[..., Any], given: Namespace, section: Report | None = None
) -> dict[str, Any]:
    """The keywords for ``draw``, from its command line.

    Raises:
        UserError: a list of files has another length than its names; or a GPU was granted that
            cannot be used.
    """
    found = {**vars(given), "section": section}
    for files, names in found.get("named", {}).items():
        if len(found[files]) != len(found[names]):
            raise UserError(f"--{files}: give one file for each of --{names}.")
        found[files] = dict(zip(found[names], found[files], strict=True))
    wanted = inspect.signature(draw).parameters
    if "machine" in wanted:
        found["machine"] = machine_from(given)
    return {name: found[name] for name in wanted}
