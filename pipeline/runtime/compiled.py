"""Functions that Numba compiles, once per installation."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

from pipeline.runtime.errors import UserError
from pipeline.runtime.private_folder import private_folder

Function = TypeVar("Function", bound=Callable)


def compiled(function: Function) -> Function:
    """Compile a function by Numba at its first call, and keep the machine code for other processes.

    Numba keeps it next to the module or in the user's cache folder. Where neither can be written
    (a shared installation, a container without a home) it goes to a temporary folder of the user's.
    """
    try:
        found: Any = numba.njit(cache=True)(function)
    except RuntimeError:  # Numba's, where it finds no folder
        try:
            # set by Numba itself from the environment, at run time
            numba.config.CACHE_DIR = str(private_folder("numba"))  # type: ignore[attr-defined]
        except (OSError, UserError):
            alone: Any = numba.njit(function)  # compiled again by each process
            return alone
        found = numba.njit(cache=True)(function)
    _drop_broken(Path(found.stats.cache_path), function)
    return found


def _drop_broken(folder: Path, function: Callable) -> None:
    """Remove what a power failure left of the kept code: Numba would stop at it.

    Such a file is empty, cut short or ends in zeros; a whole one ends as a pickle does.
    """
    stem = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}-"
    for path in folder.glob(f"{stem}*.nb?"):
        try:
            with open(path, "rb") as stream:
                stream.seek(-1, os.SEEK_END)
                whole = stream.read() == b"."  # STOP
        except FileNotFoundError:  # another process has just removed it
            continue
        except OSError:  # an empty file has no last byte
            whole = False
        if not whole:
            path.unlink(missing_ok=True)
