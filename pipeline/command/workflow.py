"""The workflow as ``calm run`` and ``calm status`` start it: Snakemake of the same environment."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest
from pipeline.study import overrides

_CONFIG = ("--config", "-C")
_CONFIG_FILES = ("--configfile", "--configfiles")
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


def for_snakemake(options: Sequence[str]) -> list[str]:
    """Options with ``--config training.lr=0.01`` in the form that Snakemake takes."""
    found = []
    after = ""
    for option in options:
        if option.startswith("-"):
            after = option
            name, equals, setting = option.partition("=")
            joint = name in _CONFIG and equals
            found.append(f"{name}={overrides.joined(setting)}" if joint else option)
        else:
            found.append(overrides.joined(option) if after in _CONFIG else option)
    return found


def check_folder(options: Sequence[str]) -> None:
    """Raise UserError where Snakemake would find no workflow, or not the config."""
    elsewhere = any(option.partition("=")[0] in _ELSEWHERE for option in options)
    if not elsewhere and not Path("Snakefile").is_file():
        raise UserError(
            f"There is no Snakefile in {Path.cwd()}. Go to the folder of a study, make one with "
            "`calm init FOLDER`, or give --snakefile FILE."
        )
    for name in _config_files(options):
        if not Path(name).is_file():
            there = sorted(map(str, [*Path().glob("*.yaml"), *Path("config").glob("*.yaml")]))
            raise UserError(f"There is no config {name}{nearest(name, there) or '.'}")


def _config_files(options: Sequence[str]) -> list[str]:
    found = []
    after = ""
    for option in options:
        if option.startswith("-"):
            after, _, joint = option.partition("=")
            names = [joint] if joint else []
        else:
            names = [option]
        found += names if after in _CONFIG_FILES else []
    return found
