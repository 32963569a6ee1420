"""The weights file of a trained model: safetensors with their own description and checksum.

The metadata holds what is needed to rebuild the model, and the SHA-256 of that and of the tensors.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from pipeline.artefacts.files import atomic_path, canonical_json
from pipeline.artefacts.integrity import damaged
from pipeline.runtime.errors import UserError

_ABOUT = "model"  # one entry only: safetensors writes several in a random order
_CHECKSUM = "sha256"


def write_weights(path: str | Path, state: Mapping[str, Tensor], about: dict) -> None:
    """Write tensors and a JSON-able description of the model, atomically."""
    state = {name: value.contiguous() for name, value in state.items()}
    metadata = {_ABOUT: canonical_json({**about, _CHECKSUM: _sha256(state, about)})}
    with atomic_path(path) as temporary:
        temporary.touch()  # with the permissions of any new file: safetensors makes its own private
        permissions = temporary.stat().st_mode
        safetensors.torch.save_file(state, temporary, metadata=metadata)
        temporary.chmod(permissions)


def read_own_weights(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Tensors and description of a file that :func:`write_weights` wrote.

    Raises:
        UserError: the file is missing, or it is damaged or of another kind (it is moved aside).
    """
    try:
        state, metadata = _read(path)
        about = json.loads(metadata.get(_ABOUT, "null"))
    except (safetensors.SafetensorError, ValueError) as error:
        raise damaged(path, str(error)) from error
    if not isinstance(about, dict):  # a lost description must not switch the check off
        raise damaged(path, "it does not say which model of a study its weights are of")
    if about.pop(_CHECKSUM, None) != _sha256(state, about):
        raise damaged(path, "its SHA-256 is not the one in its metadata")
    return state, about


def read_given_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file from elsewhere.

    Raises:
        UserError: the file is missing or cannot be read.
    """
    try:
        return _read(path)[0]
    except safetensors.SafetensorError as error:
        raise UserError(
            f"weights: {path} cannot be read ({error}); it may be cut short. Copy it again."
        ) from error


def description_of(path: Path) -> dict[str, Any] | None:
    """The description in a file of :func:`write_weights`, unchecked; None of any other file."""
    try:
        with safetensors.safe_open(path, framework="pt") as stream:
            found = json.loads((stream.metadata() or {}).get(_ABOUT, "null"))
    except (OSError, ValueError, safetensors.SafetensorError):
        return None
    return found if isinstance(found, dict) else None


def describes_model(path: Path) -> bool:
    """Whether a safetensors file is one of :func:`write_weights`; False if it cannot be read."""
    return description_of(path) is not None


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata; UserError if there is no such file."""
    if not path.is_file():
        raise UserError(f"weights: {path} is missing. Train it, or correct the path.")
    with safetensors.safe_open(path, framework="pt") as stream:
        metadata = stream.metadata() or {}
    return safetensors.torch.load_file(path), metadata


def _sha256(state: Mapping[str, Tensor], about: dict) -> str:
    """Of the description, and of each tensor's name, type, shape and numbers."""
    total = hashlib.sha256(canonical_json(about).encode())
    for name, value in sorted(state.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.contiguous().flatten().view(torch.uint8).numpy().data)
    return total.hexdigest()
