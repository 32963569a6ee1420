"""What a network is made of, measured on a copy without values: its stages and their maps.

A stage is a part that runs as a whole, from the images on: a direct part of the network, or an
element of the list or sequence that holds most of its weights (ResNet's ``layer1``, EfficientNet's
``blocks.0``, a ViT's ``blocks.0`` or ``encoder.layers.encoder_layer_0``). A single layer belongs to
the stage before it; those before all others are the first stage.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.models.layouts import Layout, layout_of
from pipeline.models.strides import stride_of, without_values

MOST = 0.8  # of the weights: a list that holds so much is looked into


class Output(NamedTuple):
    """The map that a stage gives: its module, its channels, and the pixels for each cell."""

    module: str
    channels: int
    stride: int
    layout: Layout


class Anatomy(NamedTuple):
    """Of a network up to its features.

    Attributes:
        channels: of the features.
        stride: of the features, pixels for each cell.
        stages: prefixes of the parameter names of each stage, from the images on.
        outputs: of each stage that gives a map, from the images on.
        left_out: names, or prefixes of them, of tensors that the features do not depend on.
    """

    channels: int
    stride: int
    stages: tuple[tuple[str, ...], ...]
    outputs: tuple[Output, ...]
    left_out: tuple[str, ...]


def anatomy_of(
    network: nn.Module, run: Callable[[nn.Module, Tensor], object], features: Tensor, side: int,
    unused: Iterable[str],
) -> Anatomy:  # fmt: skip
    """Look at a network, without values.

    Args:
        network: with values or without; it stays as it is.
        run: network, images (1, 3, side, side) -> whatever it computes, the features within.
        features: (1, channels, h, w), without values.
        side: of the images, pixels.
        unused: names of the parameters that the features do not depend on.
    """
    unused = frozenset(unused)
    shadow = without_values(network)
    order: dict[str, Tensor] = {}  # module -> its output, in the order in which they end

    def watch(name: str) -> Callable:
        def hook(module: nn.Module, given: tuple, found: object) -> None:
            if isinstance(found, Tensor):
                order[name] = found

        return hook

    for name, module in shadow.named_modules():
        if name:
            module.register_forward_hook(watch(name))
    with torch.no_grad():
        run(shadow, torch.empty(1, 3, side, side, device="meta"))
    parts = _parts(shadow, unused, list(order))
    outputs = []
    for names in parts:
        ran = [name for name in order if name in names]
        layout = layout_of(order[ran[-1]], shadow) if ran else None
        if layout:
            shape = layout.as_map(order[ran[-1]]).shape
            outputs.append(Output(ran[-1], shape[1], stride_of(side, shape[-1]), layout))
    stages = [tuple(f"{name}." for name in names) for names in parts]
    staged = tuple(prefix for stage in stages for prefix in stage)
    used = (name for name, _ in shadow.named_parameters() if name not in unused)
    loose = (name for name in used if not name.startswith(staged))  # of no module below
    stages[0] = (*(f"{name}." for name in loose), *stages[0])
    stride = stride_of(side, features.shape[-1])
    left_out = _left_out(shadow, unused)
    return Anatomy(features.shape[1], stride, tuple(stages), tuple(outputs), left_out)


def _left_out(network: nn.Module, unused: frozenset[str]) -> tuple[str, ...]:
    """Prefixes of modules without a used parameter; elsewhere the parameters' own names."""
    used = tuple(name for name, _ in network.named_parameters() if name not in unused)
    found = []
    for name in sorted(unused):
        prefix = name.rpartition(".")[0] + "."
        whole = prefix != "." and not any(each.startswith(prefix) for each in used)
        found.append(prefix if whole else name)
    return tuple(dict.fromkeys(found))


def _parts(network: nn.Module, unused: Iterable[str], order: list[str]) -> list[list[str]]:
    """The modules of each stage, see above."""
    used = {name: p.numel() for name, p in network.named_parameters() if name not in unused}

    def weights(name: str) -> int:
        return sum(count for each, count in used.items() if each.startswith(f"{name}."))

    total = sum(used.values())

    def lists_at(path: str, module: nn.Module) -> list[str]:
        """The module itself if it is a list, else the lists directly in it (a ViT's encoder)."""
        inside = (f"{path}.{name}" for name, child in module.named_children() if _is_list(child))
        return [path] if _is_list(module) else [*inside]

    def children(prefix: str, module: nn.Module) -> list[str]:
        found = []
        for name, child in module.named_children():
            path = f"{prefix}{name}"
            if not weights(path):
                continue
            if any(weights(each) >= MOST * total for each in lists_at(path, child)):
                found += children(f"{path}.", child)
            else:
                found.append(path)
        return found

    def first_run(path: str) -> int:
        return min(
            (i for i, name in enumerate(order) if f"{name}.".startswith(f"{path}.")),
            default=len(order),
        )

    paths = sorted(children("", network), key=first_run)
    # parts with parts of their own, which run as a whole
    whole = {path for path in paths if path in order and _has_inner_weights(network, path)}
    stages: list[list[str]] = []
    for path in paths:
        if path in whole or not stages or not whole:
            stages.append([path])
        else:
            stages[-1].append(path)
    return stages


def _has_inner_weights(network: nn.Module, path: str) -> bool:
    parameters = network.get_submodule(path).named_parameters()
    return any("." in name and each.ndim > 1 for name, each in parameters)  # more than a norm


def _is_list(module: nn.Module) -> bool:
    return isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
