"""The workflow as ``calm run`` and ``calm status`` start it: Snakemake of the same environment."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.runtime.errors import UserError

_ELSEWHERE = ("--snakefile", "-s", "--directory", "-d")


def snakemake() -> str:
    """The program in the folder of this Python, else the one on the PATH.

    Raises:
        UserError: there is none.
    """
    own = Path(sys.executable).with_name("snakemake")
    found = str(own) if own.is_file() else shutil.which("snakemake")
    if not found:
        raise UserError("Snakemake is not installed here: pip install -e . in the checkout.")
    return found


def check_folder(options: Sequence[str]) -> None:
    """Raise UserError where Snakemake would find no workflow."""
    elsewhere = any(option.partition("=")[0] in _ELSEWHERE for option in options)
    if not elsewhere and not Path("Snakefile").is_file():
        raise UserError(
            f"There is no Snakefile in {Path.cwd()}. Go to the folder of a study, make one with "
            "`calm init FOLDER`, or give --snakefile FILE."
        )
