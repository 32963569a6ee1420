"""Files of weights of common kinds, read as named tensors without running anything in them.

A file may be a state dict or a whole checkpoint of a training, by PyTorch, Lightning or
safetensors. What a checkpoint holds besides tensors and plain containers (a Namespace of
arguments, hyperparameters of a user's class) is never imported: an inert object takes its
place, and only the tensors leave this module.
"""

import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from pipeline.artefacts.weights import describes_model, read_given_weights
from pipeline.models.unpickling import check_cost, names_in_old_file
from pipeline.runtime.errors import UserError

Kind = Literal["study", "safetensors", "state_dict", "checkpoint", "lightning"]

# Where a checkpoint keeps the weights; averaged ones come first, as they are what is evaluated
NESTED = (
    "state_dict_ema", "model_ema", "ema", "state_dict", "model_state_dict", "model",
)  # fmt: skip
# What DataParallel and DDP, and torch.compile, put before every name
WRAPPERS = ("module.", "_orig_mod.")
# Entries of a state dict that are not weights: a module's own state, the count of an average
_NO_WEIGHTS = ("_extra_state", "n_averaged")


# A file may claim more than it holds: compressed zeros, or one number repeated without end
_EXPANSION = 16  # times its own size that a file may become in memory, and
_SLACK = 64 * 1024**2  # bytes on top


class StateDict(NamedTuple):
    """Named tensors, floating ones as float32, and the kind of file that they come from.

    ``study`` is a model that a study trained (its names start with ``trunk.`` and ``head.``);
    ``checkpoint`` has its weights inside a larger dictionary.
    """

    tensors: dict[str, Tensor]
    kind: Kind


def read_state_dict(path: str | Path) -> StateDict:
    """The weights in a file, on the CPU.

    Prefixes of DataParallel, DDP and torch.compile are taken off. Of several weights in one
    checkpoint the averaged ones (EMA) are read.

    Raises:
        UserError: the file is missing, of another kind or damaged, or holds no weights.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"weights: {path} is missing. Correct the path.")
    with open(path, "rb") as stream:
        start = stream.read(512)
    if path.suffix == ".safetensors" or start[8:9] == b"{":
        kind: Kind = "study" if describes_model(path) else "safetensors"
        return StateDict(_plain(read_given_weights(path)), kind)
    content = _read(path, start)
    state, nested = _unwrapped(content)
    if isinstance(state, _Inert):
        raise _refusal(
            path,
            ": it holds a whole network as a Python object, which only its own code can open",
            "Open it there and save `model.state_dict()` with torch.save.",
        )
    entries = state.items() if isinstance(state, Mapping) else ()
    unnamed = any(not isinstance(name, str) for name, _ in entries)
    tensors = {} if unnamed else {n: v for n, v in entries if not n.endswith(_NO_WEIGHTS)}
    wrong = [name for name, value in tensors.items() if not isinstance(value, Tensor)]
    if wrong or unnamed or not tensors:
        found = f"the entry {wrong[0]!r} is not a tensor" if wrong else "no tensor was found"
        found = "not all names are texts" if unnamed else found
        raise _refusal(
            path,
            f", which holds nothing but named tensors, nor a checkpoint with one under "
            f"{', '.join(NESTED)}: {found}",
            "Save `model.state_dict()` alone with torch.save.",
        )
    if sum(value.numel() for value in tensors.values()) > _most(path):
        raise _refusal(
            path,
            ": its tensors claim far more numbers than the file holds",
            "Save `model.state_dict()` alone with torch.save, without expanded tensors.",
        )
    if isinstance(content, Mapping) and "pytorch-lightning_version" in content:
        return StateDict(_plain(tensors), "lightning")
    return StateDict(_plain(tensors), "checkpoint" if nested else "state_dict")


def _most(path: Path) -> int:
    """Bytes that a file may become in memory."""
    return _EXPANSION * path.stat().st_size + _SLACK


def _read(path: Path, start: bytes) -> Any:
    """What torch.save wrote, with inert objects for all that is not a tensor or container."""
    try:
        if in_zip := zipfile.is_zipfile(path):
            _check_unpacked(path)
        check_cost(path, in_zip=in_zip)
        names = get_unsafe_globals_in_checkpoint(path) if in_zip else names_in_old_file(path)
        with safe_globals([_stand_in(name) for name in names]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds; their advice is to run what a file holds
        what, cure = _diagnosis(path, start)
        raise _refusal(path, f": {what}", cure) from error


def _check_unpacked(path: Path) -> None:
    """Refuse what would fill the memory; ValueError. PyTorch itself does not compress."""
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _most(path):
            raise ValueError("it would become far larger than it is")


class _Inert:
    """Stands for an object of a class that is not imported."""

    def __new__(cls, *args: Any, **keys: Any) -> "_Inert":
        return super().__new__(cls)

    def __init__(self, *args: Any, **keys: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def _mapping(*args: Any) -> OrderedDict:
    return OrderedDict()


def _list(*args: Any) -> list:
    return []


def _stand_in(name: str) -> Callable | tuple[Callable, str]:
    """What is built instead of the class or function of a dotted name."""
    last = name.rpartition(".")[2]
    if last == "AttributeDict":  # Lightning's hyperparameters, a kind of dict
        return OrderedDict, name
    if last in ("defaultdict", "deque"):
        return (_mapping if last == "defaultdict" else _list), name
    return _Inert, name


def _unwrapped(content: Any) -> tuple[Any, bool]:
    """The innermost dictionary of weights, and whether it was inside another."""
    state, nested = content, False
    for _ in range(len(NESTED)):  # a dictionary may hold itself
        if not isinstance(state, Mapping) or any(map(_is_weight, state.values())):
            break
        inner = next((state[key] for key in NESTED if state.get(key) is not None), None)
        if inner is None:  # under a name of one's own, if it is the only one
            of_tensors = [each for each in state.values() if _holds_tensors_alone(each)]
            inner = of_tensors[0] if len(of_tensors) == 1 else None
        if inner is None:
            break
        state, nested = inner, True
    return state, nested


def _is_weight(found: Any) -> bool:
    """Whether it is a tensor other than a single number, such as an accuracy."""
    return isinstance(found, Tensor) and found.ndim > 0


def _holds_tensors_alone(found: Any) -> bool:
    return (
        isinstance(found, Mapping)
        and len(found) > 0
        and all(isinstance(value, Tensor) for value in found.values())
    )


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the names of wrappers, floating tensors as float32."""
    names = list(tensors)
    while wrapper := next(
        (w for w in WRAPPERS if names and all(name.startswith(w) for name in names)), None
    ):
        names = [name.removeprefix(wrapper) for name in names]
    names = [name.replace("._orig_mod.", ".") for name in names]  # a part that was compiled
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in zip(names, tensors.values(), strict=True)
    }


def _diagnosis(path: Path, start: bytes) -> tuple[str, str]:
    """What a file that cannot be read is, and the cure."""
    again = "Download or copy it again, and compare its size with that of the source."
    text = start.lstrip().lower()
    if not start:
        return "it is empty", again
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "it is a web page (HTML), which a server sent instead of the file", again
    if text.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the file itself", "Run `git lfs pull` there."
    if start.startswith(b"\x1f\x8b"):
        return "it is compressed by gzip", "Unpack it and give the path of the file inside."
    if start.startswith(b"PK"):
        if not zipfile.is_zipfile(path):
            return "it is cut short", again
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name.rpartition("/")[2] for name in archive.namelist()]
                unpacked = sum(entry.file_size for entry in archive.infolist())
        except Exception:  # zipfile raises several kinds
            return "its directory is damaged", again
        if unpacked > _most(path):
            return f"unpacked it would have {unpacked} bytes, far more than itself", again
        if "constants.pkl" in names:
            return "it is a TorchScript archive", "Save the state dict of the network instead."
        if "data.pkl" not in names:
            return "it is a zip archive of other files", "Unpack it and give the file inside."
        return (
            "it is damaged, or holds objects that are not built without the code that wrote it",
            "Save `model.state_dict()` alone with torch.save.",
        )
    return "it is damaged or of another kind", again


def _refusal(path: Path, what: str, cure: str) -> UserError:
    return UserError(f"weights: {path} is not a PyTorch state dict{what}. {cure}")
