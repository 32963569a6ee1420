"""What a search writes: its draws, and for each model a ledger, the best keys and a curve."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.artefacts.files import atomic_path, check_vouched, read_json, write_json
from pipeline.artefacts.integrity import damaged
from pipeline.artefacts.paths import BEST
from pipeline.runtime.errors import UserError

FOUND = ("draw", "status", "score", "val_accuracy", "seconds")  # of a draw, besides its keys


def write_draw(path: str | Path, draw: Mapping[str, Any]) -> None:
    """Write a draw: `FOUND`, the drawn ``keys`` and a ``message`` where it failed."""
    write_json(path, dict(draw))


def read_draw(path: str | Path) -> dict[str, Any]:
    """What :func:`write_draw` wrote.

    Raises:
        UserError: the file is missing, broken or no draw.
    """
    draw = read_json(path)
    missing = {*FOUND, "keys", "message"} - set(draw)
    if missing:
        raise UserError(
            f"{path} is not a search draw ({min(missing)} is missing). Delete it and run again."
        )
    return draw


def write_found(
    folder: Path, ledger: pd.DataFrame, curve: pd.DataFrame, best: Mapping[str, Any]
) -> None:
    """Write ledger.csv, expected_best.csv and best.json into a folder, each atomically."""
    tables = {folder / "ledger.csv": ledger, folder / "expected_best.csv": curve}
    for path, table in tables.items():
        with atomic_path(path) as temporary:
            table.to_csv(temporary, index=False)
    write_json(folder / BEST, best, vouched=tables)


def read_found(path: str | Path) -> pd.DataFrame:
    """A ledger.csv or expected_best.csv.

    Raises:
        UserError: the file is missing or broken.
    """
    check_vouched(Path(path), BEST)
    try:
        return pd.read_csv(path)
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. Run again.") from error
    except ValueError as error:
        raise damaged(Path(path), f"not a table: {error}") from error


def read_best_keys(path: str | Path) -> dict[str, Any]:
    """The keys that a search found, from best.json.

    Raises:
        UserError: the file is missing or no result of a search.
    """
    try:
        return read_json(path)["keys"]
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not a search result ({error}). Delete it and run again."
        ) from error
