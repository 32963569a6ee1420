"""`snakemake --use-conda` on the tiny study, in an environment that is really installed.

    python tests/workflow/conda_run.py

Installs envs/torch.yaml (6 GB) by the stand-in for conda, runs the tiny study in it and in the
Python that runs this, and compares their tables. It takes minutes, so it is not a test of CI.
"""

import json
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import stand_in_conda
from workflow_run import copy_checkout, snakemake


def run(checkout: Path, *arguments: str) -> float:
    """Run the tiny study; seconds."""
    begun = time.monotonic()
    status, output = snakemake(checkout, "--cores", "all", *arguments)
    if status:
        sys.exit(output)
    total = re.search(r"^(\d+) jobs? to do", output, re.MULTILINE)
    print(f"{' '.join(arguments) or 'plain'}: {total[1] if total else 0} jobs", flush=True)
    return time.monotonic() - begun


def main() -> None:
    """Run both, and say what is equal."""
    folder = Path(tempfile.mkdtemp(prefix="calm-conda-"))
    try:
        plain, conda = folder / "plain", folder / "conda"
        copy_checkout(plain)
        copy_checkout(conda)
        print(f"in the Python that runs Snakemake: {run(plain):.0f} s")
        binaries = stand_in_conda.install(folder / "bin")
        os.environ["PATH"] = f"{binaries}{os.pathsep}{os.environ['PATH']}"
        seconds = run(conda, "--use-conda", "--conda-create-envs-only")
        (witness,) = (conda / ".snakemake" / "conda").glob("*/bin")
        prefix = witness.parent
        size = sum(path.lstat().st_size for path in prefix.rglob("*") if path.is_file())
        print(f"environment made in {seconds:.0f} s, {size / 1e9:.1f} GB")
        print(f"in its environment: {run(conda, '--use-conda'):.0f} s")
        jobs = [json.loads(line) for line in Path(f"{prefix}.jobs").read_text().splitlines()]
        assert {job["prefix"] for job in jobs} == {str(prefix)}
        assert {tuple(job["pipeline"]) for job in jobs} == {(str(conda / "pipeline"),)}
        tables = sorted((plain / "results" / "tables").glob("*.*"))
        for table in tables:
            made = conda / "results" / "tables" / table.name
            same = made.read_bytes() == table.read_bytes()
            print(f"{table.name}: {'equal' if same else 'DIFFERENT'}")
            assert same
        print(f"{len(jobs)} processes, all in the environment; {len(tables)} files equal")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
