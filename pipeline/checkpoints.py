"""Checkpoints: where an interrupted training goes on, bit for bit.

They live outside the workflow's outputs (Snakemake deletes outputs of a failed job), in a folder
keyed by the digest of everything that decides the training, so a changed config or code never
resumes from an old one.
"""

import shutil
from pathlib import Path
from typing import Any

import torch

from pipeline.errors import UserError
from pipeline.files import atomic_path

_NAME = "last.pt"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint by ``state``, atomically."""
    with atomic_path(folder / _NAME) as temporary:
        torch.save(state, temporary)


def load(folder: Path) -> dict[str, Any] | None:
    """The folder's checkpoint, or None.

    Raises:
        UserError: there is one, but it cannot be read.
    """
    path = folder / _NAME
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a broken file
        raise UserError(
            f"checkpoint {path} cannot be read ({error}). Delete it to train from the start."
        ) from error


def clear(folder: Path) -> None:
    """Remove the checkpoint once the weights themselves are written."""
    shutil.rmtree(folder, ignore_errors=True)
