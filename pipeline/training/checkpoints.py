"""Checkpoints: where an interrupted training goes on, bit for bit.

They live outside the workflow's outputs (Snakemake deletes outputs of a failed job), in a folder
keyed by the digest of everything that decides the training, so a changed config or code never
resumes from an old one. The last two are kept: where the last is damaged, training goes on from
the one before it.
"""

import io
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import torch

from pipeline.artefacts.files import atomic_path
from pipeline.artefacts.integrity import HEADER, is_whole, seal
from pipeline.runtime.errors import UserError

_LAST, _PREVIOUS = "last.pt", "previous.pt"

log = logging.getLogger(__name__)


def save(folder: Path, state: dict[str, Any]) -> None:
    """Make ``state`` the folder's last checkpoint; what was the last is then the previous one."""
    last = folder / _LAST
    with atomic_path(last) as temporary:
        with open(temporary, "wb") as stream:
            stream.write(bytes(HEADER))
            torch.save(state, stream)
        seal(temporary)
        if last.exists():
            os.replace(last, folder / _PREVIOUS)


def load(folder: Path) -> dict[str, Any] | None:
    """The folder's newest whole checkpoint, or None; damaged ones are removed, with a warning.

    Raises:
        UserError: there is one, but it cannot be read.
    """
    for path in (folder / _LAST, folder / _PREVIOUS):
        try:
            if is_whole(path):
                with open(path, "rb") as stream:
                    stream.seek(HEADER)
                    content = io.BytesIO(stream.read())
                return torch.load(content, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            continue
        except Exception as error:  # torch raises many kinds
            raise UserError(
                f"checkpoint {path} cannot be read ({error}). Delete it to train without it."
            ) from error
        log.warning("checkpoint %s is damaged (its SHA-256 does not match): it is not used", path)
        path.unlink(missing_ok=True)
    return None


def clear(folder: Path) -> None:
    """Remove the checkpoints once the weights themselves are written."""
    shutil.rmtree(folder, ignore_errors=True)
