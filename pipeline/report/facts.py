"""What the report says of a run besides its results: versions, durations, what is left out."""

import csv
import importlib.metadata
import logging
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.artefacts.files import read_json
from pipeline.artefacts.paths import Paths, names_in
from pipeline.artefacts.trainings import read_metrics
from pipeline.runtime.errors import UserError

log = logging.getLogger(__name__)

PACKAGES = (
    "torch", "torchvision", "lightning-fabric", "numpy", "numba", "h5py", "pandas",
    "webdataset", "pillow", "matplotlib",
)  # fmt: skip
FILES = Paths("{results}")
_NOT_COUNTED = {"classes", "images", "sizes", "image_pairs", "pairs", "iou", "foreground"}


def names_of(path: str | Path, *patterns: str) -> dict[str, str]:
    """The names in the path of a file of a study.

    Args:
        path: of the file.
        patterns: of `FILES`, the first that fits counts.

    Raises:
        UserError: none fits.
    """
    for pattern in patterns:
        if found := names_in(pattern, path):
            return found
    wanted = " or ".join(pattern.replace("{results}/", "") for pattern in patterns)
    raise UserError(f"{path} is no file of a folder of results: it should end in {wanted}.")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide results."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "unknown"  # installed without metadata, as by some conda builds
    return found


def date(path: str | Path) -> str:
    """When a file was written, such as ``2021-10-11 08:30 UTC``.

    Of the tables: when the numbers were made, which stays the same when a page is written again.
    """
    written = datetime.fromtimestamp(Path(path).stat().st_mtime, tz=UTC)
    return f"{written:%Y-%m-%d %H:%M} UTC"


def commit() -> str:
    """The commit of this code, ``-dirty`` where files were edited since; "unknown" outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    folder = Path(__file__).parent
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def model(path: str | Path) -> dict[str, Any]:
    """A trained model for the template, from its metrics.json; ``name`` says which it is."""
    found = read_metrics(path)
    names = names_of(path, FILES.metrics)
    return found | {"name": "{dataset}/{architecture}/{variant}, seed {seed}".format_map(names)}


def durations(folder: Path, study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the jobs of each stage took, from Snakemake's benchmark files.

    Args:
        folder: of the files, STAGE/DATASET[/ARCHITECTURE/VARIANT/...].tsv.
        study: the config; files of other data sets and models, which an earlier config of the same
            folder has left, are not counted.

    Returns:
        A row for each stage and data set, the longest first: stage, dataset, jobs, seconds (sum of
        the jobs' wall-clock times) and memory (MB, largest resident set of a job; None if unknown).
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        stage, dataset, *names = path.relative_to(folder).with_suffix("").parts
        if not _in_study(study, dataset, names):
            continue
        for seconds, memory in _jobs(path):
            row = rows.setdefault(
                (stage, dataset),
                {"stage": stage, "dataset": dataset, "jobs": 0, "seconds": 0.0, "memory": None},
            )
            row["jobs"] += 1
            row["seconds"] += seconds
            if memory is not None:
                row["memory"] = max(row["memory"] or 0.0, memory)
    return sorted(rows.values(), key=lambda row: -row["seconds"])


def _jobs(path: Path) -> list[tuple[float, float | None]]:
    """Seconds and memory (MB, None if unknown) of the jobs of a file; none where it is damaged.

    No result is made of them, and no job could make the file of an earlier one again.
    """
    try:
        with open(path, newline="") as stream:
            return [
                # jobs that ended before they were looked at have no number
                (float(job["s"]), None if job["max_rss"] in ("-", "NA") else float(job["max_rss"]))
                for job in csv.DictReader(stream, delimiter="\t")
            ]
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        log.warning("%s is damaged and left out of the durations (%r)", path, error)
        return []


def _in_study(study: Mapping[str, Any], dataset: str, names: list[str]) -> bool:
    of_dataset = study["datasets"].get(dataset)
    if of_dataset is None:
        return False
    if len(names) < 2:  # a split, or nothing
        return True
    architecture, variant = names[:2]
    return architecture in of_dataset["architectures"] and (
        variant in of_dataset["variants"] or variant == architecture  # a model from elsewhere
    )


def duration(seconds: float) -> str:
    """``75`` -> ``1 min 15 s``, ``8000`` -> ``2 h 13 min``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def left_out(checks: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Everything that the checks of data sets and cues counted as skipped, missing or changed.

    Args:
        checks: paths STAGE/DATASET/check.json.

    Returns:
        A row for each count, the largest first: dataset, stage, what (in words), count. Some are 0.
    """
    rows = []
    for path in map(Path, checks):
        dataset = names_of(path, FILES.data_check, FILES.cue_check)["dataset"]
        stage = path.parent.parent.name
        for what, count in _counts(read_json(path)):
            words = what.replace("_", " ")
            rows.append({"dataset": dataset, "stage": stage, "what": words, "count": count})
    return sorted(rows, key=lambda row: -row["count"])


def _counts(check: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Whole numbers of a check; those of numbered parts are added up."""
    for name, value in check.items():
        if name in _NOT_COUNTED:
            continue
        if isinstance(value, int):
            yield name, value
        elif isinstance(value, dict) and "count" in value:
            yield name, int(value["count"])
        elif isinstance(value, dict) and all(key.isdecimal() for key in value):
            yield name, sum(value.values())
        elif isinstance(value, dict):
            yield from _counts(value)
