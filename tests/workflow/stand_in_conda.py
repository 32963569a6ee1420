"""Enough of conda for Snakemake to make the environment of an env file, where there is no conda.

`conda env create` refuses every conda package but those of `KNOWN`, makes a virtual environment and
installs the `pip:` part of the file into it, by pip and for real. What the file forgot cannot be
imported in it.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet

HERE = Path(__file__).resolve()
# What conda-forge surely has; each stands for what a virtual environment brings.
KNOWN = ("python", "pip")

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


def parts(env_file: Path) -> tuple[list[str], list[str]]:
    """The conda packages and the pip requirements of an env file.

    Ends with a message where a conda package is not one of `KNOWN`, or Python is another than ours.
    """
    conda, pip = [], []
    for entry in yaml.safe_load(env_file.read_text())["dependencies"]:
        if isinstance(entry, dict):
            pip += entry["pip"]
            continue
        conda.append(entry)
        name, _, range_ = entry.partition(" ")
        if name not in KNOWN:
            sys.exit(f"nothing provides {entry}: the stand-in for conda knows {', '.join(KNOWN)}")
        wanted = f"=={range_[1:]}.*" if range_[:1] == "=" else range_
        version = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
        if name == "python" and not SpecifierSet(wanted).contains(version):
            sys.exit(f"nothing provides {entry}; there is {version}")
    if unpinned := [line for line in pip if "==" not in line]:
        sys.exit(f"not pinned: {', '.join(unpinned)}")
    return conda, pip


def create(env_file: Path, prefix: Path) -> None:
    """Make the environment of an env file."""
    _, requirements = parts(env_file)
    subprocess.run([sys.executable, "-m", "venv", prefix], check=True)
    subprocess.run([prefix / "bin" / "pip", "install", "-q", *requirements], check=True)
    (packages,) = prefix.glob("lib/python*/site-packages")
    (packages / "sitecustomize.py").write_text(WITNESS)


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
