"""Which network a file of weights belongs to, by the names and shapes of its tensors."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from pipeline.models.checkpoint_files import StateDict, read_state_dict
from pipeline.models.ends import is_close
from pipeline.models.intake import Wanted, wanted_by
from pipeline.models.network_index import candidates, similar
from pipeline.models.networks import build_network
from pipeline.runtime.errors import UserError

MOST = 6  # networks with the same tensors that are tried


def guessed(path: str | Path) -> str:
    """The network of a file, ``torchvision:NAME`` or ``timm:NAME``.

    torchvision's is taken where both have one. Of several of timm's with the same tensors the first
    is taken, if all of them give the same logits for these weights and take the same images.

    Raises:
        UserError: there is no such file, no such network, or several that differ; the message
            names them.
    """
    read = read_state_dict(path)
    below = {part: names for part in _parts(read.tensors, 3)
             if (names := candidates(_below(read.tensors, part)))}  # fmt: skip
    if len({*map(tuple, below.values())}) > 1:
        each = ", ".join(f"{names[0]} under {part!r}" for part, names in below.items())
        raise UserError(f"{path} holds several networks: {each}. Save one of them alone.")
    found = next(iter(below.values()), [])
    if not found:
        parts = (_below(read.tensors, part) for part in _parts(read.tensors, 1))
        near = next(filter(None, map(similar, parts)), [])
        closest = f" The closest are {', '.join(near)}." if near else ""
        raise UserError(
            f"{path}: neither torchvision nor timm has a network with just its "
            f"{len(read.tensors)} tensors.{closest} Name the network that they were trained in: "
            "timm:NAME, torchvision:NAME or package.module:callable."
        )
    if found[0].startswith("torchvision:") or len(found) == 1:
        return found[0]
    if len(found) > MOST or not _alike(found, read):
        more = ", ..." if len(found) > MOST else ""
        raise UserError(
            f"{path}: several networks have just its tensors, and differ in how they take images "
            f"or compute: {', '.join(found[:MOST])}{more}. Name the one that was trained."
        )
    return found[0]


def _parts(state: Iterable[str], depth: int) -> list[str]:
    """Beginnings of dotted names, of at most ``depth`` parts, the empty one first."""
    found = {""}
    for name in state:
        parts = name.split(".")[:-1]
        found.update(f"{'.'.join(parts[:n])}." for n in range(1, min(depth, len(parts)) + 1))
    return sorted(found, key=lambda part: (part.count("."), part))


def _below(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a part, without it."""
    return {name[len(part) :]: value for name, value in state.items() if name.startswith(part)}


def _alike(names: list[str], read: StateDict) -> bool:
    """Whether networks with the same tensors are the same function of the same images."""
    first: tuple[Wanted, Tensor] | None = None
    for name in names:
        network = build_network(name, read).network.eval()
        wanted = wanted_by(name, network)
        side = wanted.side or 224
        images = torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            logits = network(images)
        if first is None:
            first = wanted, logits
        elif wanted != first[0] or not is_close(logits, first[1]):
            return False
    return True
