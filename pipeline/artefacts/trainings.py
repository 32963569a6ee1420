"""What a training writes besides its weights: its history and what it reached."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.artefacts.files import atomic_path, check_vouched, read_json, write_json
from pipeline.artefacts.integrity import damaged
from pipeline.artefacts.paths import METRICS
from pipeline.runtime.errors import UserError

# columns of history.csv, one row per epoch
HISTORY = (
    "epoch", "lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy",
    "images_per_second", "seconds",
)  # fmt: skip


def write_history(path: str | Path, epochs: Iterable[Mapping[str, float]]) -> None:
    """Write history.csv, atomically."""
    with atomic_path(path) as temporary:
        pd.DataFrame(list(epochs), columns=list(HISTORY)).to_csv(temporary, index=False)


def read_history(path: str | Path) -> pd.DataFrame:
    """The history of a training: columns `HISTORY`, those of val NaN where it has no images.

    Raises:
        UserError: the file is missing or broken.
    """
    check_vouched(Path(path), METRICS)
    try:
        history = pd.read_csv(path)
    except OSError as error:
        raise UserError(f"Cannot read the history {path}: {error.strerror}. Run again.") from error
    except ValueError as error:
        raise damaged(Path(path), f"not a history: {error}") from error
    if missing := sorted({*HISTORY} - {*history.columns}):
        raise damaged(Path(path), f"the history lacks the column {missing[0]}")
    return history


def write_metrics(
    path: str | Path,
    last_epoch: Mapping[str, float],
    provenance: Mapping[str, str],
    best_constant: Mapping[str, Any] | None,
    vouched: Iterable[Path] = (),
) -> None:
    """Write metrics.json: the last epoch, what decided the weights, and the best constant.

    It vouches for the training's other files, which are given as ``vouched``.
    """
    metrics: dict[str, Any] = {"last_epoch": dict(last_epoch), "provenance": dict(provenance)}
    if best_constant:
        metrics["best_constant"] = dict(best_constant)
    write_json(path, metrics, vouched=vouched)


def read_metrics(path: str | Path) -> dict[str, Any]:
    """What :func:`write_metrics` wrote; ``best_constant`` is None where nothing was trained.

    Raises:
        UserError: the file is missing or broken.
    """
    metrics = read_json(path)
    try:
        return {
            "last_epoch": metrics["last_epoch"],
            "best_constant": metrics.get("best_constant"),
            "provenance": metrics["provenance"],
        }
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} lacks {error}. Delete it and train again.") from error
