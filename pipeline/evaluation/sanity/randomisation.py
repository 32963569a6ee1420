"""Cascading randomisation: a model whose weights become random, unit by unit from the head down.

Units are the head and, in reverse order of execution, the blocks of the trunk. A layer's block is
its name up to the first number (``layer3.1.conv2`` is in ``layer3.1``, ``features.12.squeeze`` in
``features.12``) or else up to the first dot (``Mixed_6e.branch1x1.conv`` is in ``Mixed_6e``):
residual blocks, Fire and Inception modules, stages of ConvNeXt, convolutions of VGG. A block
without convolution or linear layer, which only normalises, belongs to the one before it. The units
of a network from elsewhere are its blocks, of which its last layer is the first to go.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, fx, nn

from pipeline.evaluation.explaining import copied
from pipeline.models.classifier import Classifier
from pipeline.models.ends import layers_in_order
from pipeline.models.given import GivenModel
from pipeline.models.study_models import Model

_NETWORK = "whole.network."  # before the names of a given network's state


class Unit(NamedTuple):
    """Layers that are randomised together; ``keys`` of the model's state."""

    name: str
    keys: tuple[str, ...]


def units(model: Model) -> list[Unit]:
    """The units of a model: the head, then the blocks from the last to the first."""
    if isinstance(model, GivenModel):
        images = model.whole.intake(_empty(model, model.side))
        layers = layers_in_order(model.network, images)
        return _blocks(model.network.state_dict(), layers, _NETWORK)
    if isinstance(model.trunk, fx.GraphModule):
        nodes = model.trunk.graph.nodes  # in order of execution
        layers = [str(node.target) for node in nodes if node.op in ("call_module", "get_attr")]
    else:
        layers = layers_in_order(model.trunk, _empty(model, model.job.training.crop))
    head = tuple(f"head.{key}" for key in model.head.state_dict())
    return [Unit("head", head), *_blocks(model.trunk.state_dict(), layers, "trunk.")]


def _empty(model: Model, side: int) -> Tensor:
    return torch.zeros((2, 3, side, side), device=next(model.parameters()).device)


def _blocks(state: Mapping[str, Tensor], layers: Iterable[str], prefix: str) -> list[Unit]:
    """The blocks of a network, from the last to the first.

    Args:
        state: of the network.
        layers: names of its layers in order of execution. What is in none of them, such as the
            position embedding of a ViT, is a block before all others.
        prefix: before the names, in the model's state.
    """
    keys: dict[str, list[str]] = {_block(layer): [] for layer in layers}
    elsewhere = [key for key in state if _block(key) not in keys]
    keys = {_block(key): [] for key in elsewhere} | keys
    for key in state:
        keys[_block(key)].append(key)
    blocks: list[Unit] = []
    for name, members in keys.items():
        of_model = tuple(f"{prefix}{key}" for key in members)
        if any(state[key].ndim > 1 for key in members) or (members and not blocks):
            blocks.append(Unit(name, of_model))
        elif members:
            blocks[-1] = Unit(blocks[-1].name, blocks[-1].keys + of_model)
    return blocks[::-1]


def _block(name: str) -> str:
    parts = name.split(".")
    numbers = [position for position, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[: numbers[0] + 1]) if numbers else parts[0]


def fresh_state(model: Model, seed: int) -> Mapping[str, Tensor]:
    """The state of the same model before any training, drawn from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(model, GivenModel):
            network = copy.deepcopy(model.network).cpu()
            network.apply(_begin_anew)
            return {f"{_NETWORK}{key}": value for key, value in network.state_dict().items()}
        return Classifier(model.job, model.num_classes).state_dict()


def _begin_anew(module: nn.Module) -> None:
    """Draw a layer's parameters as PyTorch does when it builds one.

    Parameters of a module that PyTorch does not know, such as the position embedding of a ViT, are
    drawn from a normal distribution with their own mean and deviation.
    """
    for name in ("reset_parameters", "_reset_parameters"):
        if callable(reset := getattr(module, name, None)):
            reset()
            return
    with torch.no_grad():
        for own in module.parameters(recurse=False):
            deviation = own.std(correction=0) if own.numel() else torch.zeros(())
            own.copy_(own.mean() + deviation * torch.randn_like(own))


def cascade(model: Model, fresh: Mapping[str, Tensor], order: Sequence[Unit]) -> Iterator[Model]:
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
