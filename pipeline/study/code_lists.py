"""Files that list the modules of a stage with their digests: the code inputs of its jobs.

A stage consists of up to a hundred modules, and Snakemake looks for, dates and notes each input of
each job: the modules, one by one, took half of the time of a plan. A job has one list instead,
which changes when one of them does.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

from pipeline.artefacts.files import atomic_path
from pipeline.runtime.codegraph import PACKAGE, code_of


def list_code(folder: str | Path, *modules: str) -> str:
    """Path of the list of `code_of` these modules, in ``folder``, where it is now up to date.

    A line is that of ``sha256sum``: the digest and the path in the package's folder. The file stays
    untouched while no module changes. A new one is as old as its youngest module: where Snakemake
    knows no more than the times of files, it compares results with that. Each has a folder of its
    own, because Snakemake reads a folder once in a plan and takes what comes later for missing.

    Raises:
        UserError: the list cannot be written.
    """
    files = [Path(file) for file in code_of(*modules)]
    text = "".join(f"{_digest(f)}  {f.relative_to(PACKAGE.parent).as_posix()}\n" for f in files)
    names = (module.removeprefix(f"{PACKAGE.name}.") for module in modules)
    path = Path(folder) / "+".join(names) / "modules.sha256"
    known = path.read_bytes() if path.is_file() else None
    if known != text.encode():
        with atomic_path(path) as temporary:
            temporary.write_text(text)
            if known is None:
                youngest = max(file.stat().st_mtime_ns for file in files)
                os.utime(temporary, ns=(youngest, youngest))
    return str(path)


@cache
def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
