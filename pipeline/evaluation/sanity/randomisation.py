"""Cascading randomisation: a model whose weights become random, unit by unit from the head down.

Units are the head and, in reverse order of execution, the blocks of the trunk. A layer's block is
its name up to the first number (``layer3.1.conv2`` is in ``layer3.1``, ``features.12.squeeze`` in
``features.12``) or else up to the first dot (``Mixed_6e.branch1x1.conv`` is in ``Mixed_6e``):
residual blocks, Fire and Inception modules, stages of ConvNeXt, convolutions of VGG. A block
without convolution or linear layer, which only normalises, belongs to the one before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.evaluation.explaining import copied
from pipeline.models.classifier import Classifier


class Unit(NamedTuple):
    """Layers that are randomised together; ``keys`` of the model's state."""

    name: str
    keys: tuple[str, ...]


def units(model: Classifier) -> list[Unit]:
    """The units of a model: the head, then the trunk's blocks from the last to the first."""
    trunk = model.trunk.state_dict()
    keys: dict[str, list[str]] = {}
    for node in model.trunk.graph.nodes:  # in order of execution
        if node.op in ("call_module", "get_attr"):
            keys.setdefault(_block(node.target), [])
    for key in trunk:
        keys[_block(key)].append(key)
    blocks: list[Unit] = []
    for name, members in keys.items():
        of_model = tuple(f"trunk.{key}" for key in members)
        if any(trunk[key].ndim > 1 for key in members):
            blocks.append(Unit(name, of_model))
        elif members:
            blocks[-1] = Unit(blocks[-1].name, blocks[-1].keys + of_model)
    head = tuple(f"head.{key}" for key in model.head.state_dict())
    return [Unit("head", head), *reversed(blocks)]


def _block(name: str) -> str:
    parts = name.split(".")
    numbers = [position for position, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[: numbers[0] + 1]) if numbers else parts[0]


def fresh_state(model: Classifier, seed: int) -> Mapping[str, Tensor]:
    """The state of the same model before any training, drawn from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(model.job, model.num_classes).state_dict()


def cascade(
    model: Classifier, fresh: Mapping[str, Tensor], order: Sequence[Unit]
) -> Iterator[Classifier]:
    """Randomise a copy of a model, one unit after the other.

    Args:
        model: stays as it is.
        fresh: from :func:`fresh_state`; statistics of batch normalisation are reset as well.
        order: of :func:`units`.

    Yields:
        The copy after each unit, always the same object: use it before the next.
    """
    randomised = copied(model)
    state = randomised.state_dict()
    for unit in order:
        for key in unit.keys:
            state[key].copy_(fresh[key])
        yield randomised
