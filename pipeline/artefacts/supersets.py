"""The supersets of a data set's classes, supersets/{dataset}.json."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.artefacts.files import read_json, write_json
from pipeline.runtime.errors import UserError

Supersets = Mapping[int, Sequence[int]]  # label -> labels of its superset


def read_supersets(path: Path | None) -> Supersets:
    """Label -> labels of its superset.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    if path is None:
        raise UserError("This method needs --supersets, which the supersets stage writes.")
    try:
        return {int(label): members for label, members in read_json(path)["supersets"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is not a supersets file ({error!r}). Delete it and run again."
        ) from error


def write_supersets(path: str | Path, kind: str, sets: Supersets, check: Mapping[str, Any]) -> None:
    """Write the superset of each label, their kind and their check, atomically."""
    members = {str(label): list(labels) for label, labels in sets.items()}
    write_json(path, {"kind": kind, "supersets": members, "check": dict(check)})


def read_superset_check(path: str | Path) -> Mapping[str, Any]:
    """The check of a data set's supersets: their numbers, and the named ones.

    Raises:
        UserError: there is no such file, or it is of another version.
    """
    check = read_json(path).get("check", {})
    if "roots" not in check:
        raise UserError(f"{path} is of another version. Delete it and run again.")
    return check
