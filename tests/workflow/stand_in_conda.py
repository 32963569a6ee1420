"""Enough of conda for Snakemake: environments made of the packages that are installed here.

`conda env create` checks every range of the env file against the installed version, and makes a
virtual environment that holds these packages and what they require, and no others: a package that
the env file forgot cannot be imported, as in a real environment. Nothing is downloaded or solved.
"""

import argparse
import json
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

HERE = Path(__file__).resolve()
CONDA_TO_PYPI = {"pytorch": "torch", "matplotlib-base": "matplotlib"}

# Python reads it when it starts: which environment runs what, from which checkout.
WITNESS = """
import atexit, json, sys
def note():
    pipeline = sys.modules.get("pipeline")
    if pipeline is not None:
        row = {"prefix": sys.prefix, "argv": sys.orig_argv, "pipeline": list(pipeline.__path__)}
        with open(sys.prefix + ".jobs", "a") as stream:
            stream.write(json.dumps(row) + "\\n")
atexit.register(note)
"""

ACTIVATE = """\
export CONDA_PREFIX="$1"
export PATH="$1/bin:$PATH"
"""


def install(folder: Path) -> Path:
    """Put `conda` and `activate` into ``folder``/bin; that folder, for the PATH."""
    binaries = folder / "bin"
    binaries.mkdir(parents=True)
    conda = binaries / "conda"
    conda.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE}" --home "{folder}" "$@"\n')
    conda.chmod(0o755)
    (binaries / "activate").write_text(ACTIVATE)
    return binaries


def create(env_file: Path, prefix: Path) -> None:
    """Make the environment of an env file; end with a message where a range does not fit."""
    wanted = []
    for line in yaml.safe_load(env_file.read_text())["dependencies"]:
        name, _, range_ = line.partition(" ")
        if name == "python":
            installed = ".".join(map(str, sys.version_info[:3]))
        else:
            wanted.append(distribution(CONDA_TO_PYPI.get(name, name)))
            installed = wanted[-1].version
        if not SpecifierSet(range_).contains(installed):
            sys.exit(f"nothing provides {line}; there is {installed}")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    (packages,) = prefix.glob("lib/python*/site-packages")
    for package in with_requirements(wanted):
        for name in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            place = packages / name
            if not place.exists():
                place.symlink_to(Path(package.locate_file(name)).resolve())
    (packages / "sitecustomize.py").write_text(WITNESS)


def with_requirements(wanted: list[Distribution]) -> list[Distribution]:
    """Distributions and all that they require here, extras left out."""
    found: dict[str, Distribution] = {}
    waiting = list(wanted)
    while waiting:
        package = waiting.pop()
        name = canonicalize_name(package.name)
        if name in found:
            continue
        found[name] = package
        for requirement in map(Requirement, package.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(distribution(requirement.name))
    return list(found.values())


def main() -> None:
    """The command line, as far as Snakemake uses it."""
    arguments = argparse.ArgumentParser(add_help=False)
    arguments.add_argument("--home", type=Path, required=True)
    arguments.add_argument("--file", type=Path)
    arguments.add_argument("--prefix", type=Path)
    given, command = arguments.parse_known_args()
    match command:
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": str(given.home), "platform": "linux-64"}))
        case ["--version"]:
            print("conda 24.7.1")
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["env", "create", *_]:
            create(given.file, given.prefix)
        case ["clean", *_]:
            pass
        case _:
            sys.exit(f"the stand-in for conda has no {command}")


if __name__ == "__main__":
    main()
