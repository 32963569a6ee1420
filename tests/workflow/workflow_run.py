"""The workflow as a user runs it: a copy of the checkout and Snakemake's command line."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.yaml")
PARTS = ("workflow", "pipeline", "config", "profiles", "envs")

_RULE = re.compile(r"(?:local)?rule (\w+):")
_WILDCARDS = re.compile(r"    wildcards: (.+)")
_TOTAL = re.compile(r"^total +(\d+)$", re.MULTILINE)


def copy_checkout(folder: Path) -> None:
    """Copy what the workflow is made of, and the tiny study's config as ``tiny.yaml``."""
    folder.mkdir(parents=True)
    shutil.copy2(CHECKOUT / "Snakefile", folder)
    shutil.copy2(TINY, folder)
    # Not __pycache__ as a whole: numba's kernels (*.nbi, *.nbc) stay valid and cost a minute.
    for part in PARTS:
        shutil.copytree(CHECKOUT / part, folder / part, ignore=shutil.ignore_patterns("*.pyc"))


def snakemake(folder: Path, *arguments: str, config: str = "tiny.yaml") -> tuple[int, str]:
    """Run Snakemake in ``folder``; its exit status, and all that it prints."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    if config:
        command += ["--configfile", config]
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    return done.returncode, done.stdout


def plan(folder: Path, *arguments: str, config: str = "tiny.yaml") -> set[str]:
    """The jobs that Snakemake would run, as ``"rule wildcard/wildcard"``; without rule all."""
    status, output = snakemake(folder, "--dry-run", *arguments, config=config)
    assert status == 0, output
    jobs = []
    for line in output.splitlines():
        if found := _RULE.fullmatch(line):
            jobs.append(found[1])
        elif found := _WILDCARDS.fullmatch(line):
            jobs[-1] += " " + "/".join(_short(*pair.split("=")) for pair in found[1].split(", "))
    total = _TOTAL.search(output)
    assert total or "Nothing to be done" in output, output
    assert len(set(jobs)) == len(jobs) == (int(total[1]) if total else 0), output
    return set(jobs) - {"all"}


def _short(name: str, value: str) -> str:
    return f"seed{value}" if name == "seed" else value


def edit_config(folder: Path, **changes) -> None:
    """Change keys of the study's config; ``a__b=1`` is key b in section a."""
    path = folder / "tiny.yaml"
    content = yaml.safe_load(path.read_text())
    for name, value in changes.items():
        *sections, key = name.split("__")
        place = content
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False))
