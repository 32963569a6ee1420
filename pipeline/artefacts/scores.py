"""Score files: what an evaluation measured, with which uncertainty, from which inputs.

A score is a JSON file with a fixed set of keys; rates are fractions in [0, 1], and only tables
turn them into percent. The results per image are stored with it as an ``.npz`` of the same name, so
that other intervals or thresholds can be computed without a second run.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from pipeline.artefacts.files import (
    atomic_path,
    check_vouched,
    digest,
    read_json,
    sha256,
    write_json,
)
from pipeline.artefacts.integrity import damaged
from pipeline.catalogue.evaluations import BASES, EVALUATIONS, OF_PREDICTIONS
from pipeline.runtime.errors import UserError

FRACTIONS = ("classification", "cue_localization", "wsol")  # tasks whose values all lie in [0, 1]
TASKS = (*FRACTIONS, *OF_PREDICTIONS, *BASES, *EVALUATIONS)
IDENTITY = ("dataset", "architecture", "variant", "seed", "method")
RANGES = {**dict.fromkeys(FRACTIONS, (0, 1)), "calibration": (0, math.inf)}  # of a task's values
KEYS = ("task", "identity", "values", "intervals", "details", "provenance")


def parse_identity(text: str) -> dict[str, Any]:
    """The ``--identity`` of a command line: a JSON object with exactly the keys of `IDENTITY`.

    ``seed`` is an integer and the others are strings; each is null where it has no meaning (a
    baseline has no variant).

    Raises:
        UserError: not JSON, keys missing or unknown, or a value of the wrong type.
    """
    try:
        identity = json.loads(text)
    except ValueError as error:
        raise UserError(f"--identity is not JSON ({error}): give keys {list(IDENTITY)}.") from error
    _check_identity(identity, "--identity")
    return identity


def provenance(section: BaseModel, inputs: Mapping[str, str | Path]) -> dict[str, Any]:
    """The digest of the config section and the SHA-256 of every input file.

    Raises:
        UserError: an input file cannot be read.
    """
    hashes = {}
    for name, path in inputs.items():
        try:
            hashes[name] = sha256(path)
        except OSError as error:
            raise UserError(
                f"Cannot read {path} ({name}): {error.strerror}. Run the stage that writes it."
            ) from error
    return {"section": digest(section.model_dump(mode="json")), "inputs": hashes}


def write_score(
    path: str | Path,
    *,
    task: str,
    identity: Mapping[str, Any],
    values: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    details: Mapping[str, Any],
    provenance: Mapping[str, Any],
    vouched: Sequence[Path] = (),
) -> None:
    """Write a score file, atomically; equal content gives equal bytes.

    Args:
        path: where to, ``.json``.
        task: one of `TASKS`.
        identity: what was measured, keys `IDENTITY`.
        values: name -> finite number; within its task's of `RANGES`.
        intervals: name -> (low, high), for some or all of the values.
        details: anything else that a reader needs (counts, thresholds, skipped images).
        provenance: from :func:`provenance`.
        vouched: files next to it, whose SHA-256 it keeps.

    Raises:
        ValueError: the content is not of that form (a fault of the caller).
        UserError: the file cannot be written.
    """
    score = {
        "task": task,
        "identity": dict(identity),
        "values": {name: float(value) for name, value in values.items()},
        "intervals": {name: [float(low), float(high)] for name, (low, high) in intervals.items()},
        "details": dict(details),
        "provenance": dict(provenance),
    }
    try:
        _check(score, str(path))
    except UserError as error:
        raise ValueError(str(error)) from error
    write_json(path, score, vouched=vouched)


def read_score(path: str | Path) -> dict[str, Any]:
    """Read a score file: a dict with the keys `KEYS`.

    Raises:
        UserError: the file is missing, broken or no score file.
    """
    score = read_json(path)
    _check(score, str(path))
    return score


def per_image_path(path: str | Path) -> Path:
    """Where the per-image results of the score file ``path`` are: the same name, ``.npz``."""
    return Path(path).with_suffix(".npz")


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as a compressed ``.npz``, atomically; equal arrays give equal bytes."""
    with atomic_path(path) as temporary:
        # NumPy's own names come after the arrays', which mypy cannot tell apart
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]


class Arrays(Mapping[str, np.ndarray]):
    """The per-image results of a score, each read when it is asked for."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path, self._file = path, file

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._file:
            raise KeyError(name)
        try:
            return self._file[name]
        except MemoryError:
            raise
        except Exception as error:  # of a broken archive zipfile and NumPy raise many kinds
            raise damaged(self._path, str(error)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._file)

    def __len__(self) -> int:
        return len(self._file)


def read_arrays(path: str | Path) -> Arrays:
    """The results per image that belong to the score file ``path``, checked as they are read.

    Raises:
        UserError: the file is missing, or damaged and was moved aside: the next run makes it again.
    """
    arrays = per_image_path(path)
    check_vouched(arrays, Path(path).with_suffix(".json").name)
    try:
        return Arrays(arrays, np.load(arrays))
    except FileNotFoundError as error:
        raise UserError(f"{arrays} is missing. Run again: it will be rebuilt.") from error
    except MemoryError:
        raise
    except Exception as error:  # see above
        raise damaged(arrays, str(error)) from error


def _check(score: Any, where: str) -> None:
    if not isinstance(score, dict) or set(score) != set(KEYS):
        raise UserError(f"{where} is not a score file: expected the keys {sorted(KEYS)}.")
    if score["task"] not in TASKS:
        raise UserError(f"{where}: task {score['task']!r} is not one of {list(TASKS)}.")
    _check_identity(score["identity"], where)
    lowest, highest = RANGES.get(score["task"], (-math.inf, math.inf))
    for name, value in score["values"].items():
        if not (math.isfinite(value) and lowest <= value <= highest):
            raise UserError(f"{where}: {name} = {value} is not a number in [{lowest}, {highest}].")
    for name, (low, high) in score["intervals"].items():
        if name not in score["values"]:
            raise UserError(f"{where}: an interval for {name}, which has no value.")
        finite = math.isfinite(low) and math.isfinite(high)
        if not (finite and lowest <= low <= high <= highest):
            raise UserError(
                f"{where}: interval [{low}, {high}] of {name} is not within [{lowest}, {highest}]."
            )


def _check_identity(identity: Any, where: str) -> None:
    if not isinstance(identity, dict) or set(identity) != set(IDENTITY):
        raise UserError(f"{where}: identity must have exactly the keys {list(IDENTITY)}.")
    for name, value in identity.items():
        kind = int if name == "seed" else str
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise UserError(
                f"{where}: identity.{name} = {value!r} must be {kind.__name__} or null."
            )
