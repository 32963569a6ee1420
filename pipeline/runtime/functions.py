"""Functions of the user's own, named ``package.module:function`` in a config."""

import ast
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.runtime.errors import UserError


def is_function_name(name: str) -> bool:
    """Whether a name has the form ``package.module:function``."""
    module, _, function = name.partition(":")
    return bool(function) and all(part.isidentifier() for part in (*module.split("."), function))


def load_function(name: str) -> Callable:
    """The function of a name, from the folder that the study runs in or an installed package.

    Raises:
        UserError: its module cannot be imported, or has no such function.
    """
    module, _, function = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), function)
    except (Exception, SystemExit) as error:  # the user's module raises what it likes
        raise UserError(
            f"{name} cannot be loaded: {type(error).__name__}: {error}. Its module must lie in "
            f"{os.getcwd()} or be installed."
        ) from error
    if not callable(found):
        raise UserError(f"{name} is no function, but {type(found).__name__}.")
    return found


def source_files(name: str) -> list[str]:
    """The files in the folder that the study runs in which a function is made of, sorted.

    They are its module's, those of the packages around it, and what these import in turn. Nothing
    is imported; an installed package has none.
    """
    found: set[Path] = set()
    waiting = list(_files(name.partition(":")[0]))
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [file for module in _imports(path) for file in _files(module)]
    return sorted(map(str, found))


def _files(module: str) -> Iterator[Path]:
    """The files of a module and of the packages around it, relative to the folder."""
    parts = module.split(".")
    if parts[0] != "pipeline":  # ours are inputs already
        for depth in range(1, len(parts) + 1):
            place = Path(*parts[:depth])
            files = (place.with_suffix(".py"), place / "__init__.py")
            yield from (file for file in files if file.is_file())


def _imports(path: Path) -> Iterator[str]:
    """The modules that a file imports."""
    try:
        tree = ast.parse(path.read_text())
    except (SyntaxError, UnicodeDecodeError):  # the job says so when it imports it
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = path.parts[: len(path.parts) - node.level] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            if module:  # not of a relative import in a module without a package
                yield module
            yield from (f"{module}.{alias.name}".strip(".") for alias in node.names)
