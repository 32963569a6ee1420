"""Freeze the first stages of a trunk: they stay bit for bit as they were loaded.

Frozen parameters get no gradient, and since nothing before them needs one, the backward pass ends
where the trained stages begin. Batch norm uses and keeps its loaded statistics, and what a stage
draws at random in training (dropout, stochastic depth) is not drawn.
"""

from collections.abc import Sequence

from torch import nn
from torchvision.ops import StochasticDepth

from pipeline.runtime.errors import UserError

Prefixes = tuple[str, ...]


def prefixes_of_stages(stages: Sequence[Prefixes], count: int) -> Prefixes:
    """The prefixes of the parameter names in the first ``count`` stages.

    Raises:
        UserError: there are fewer stages.
    """
    if count > len(stages):
        names = "; ".join(", ".join(name.rstrip(".") for name in stage) for stage in stages)
        raise UserError(
            f"frozen_stages: {count}: this trunk has {len(stages)} stages ({names}). "
            f"Give a number from 0 to {len(stages)}."
        )
    return tuple(prefix for stage in stages[:count] for prefix in stage)


def within(name: str, prefixes: Prefixes) -> bool:
    """Whether a module or parameter belongs to the stages with these prefixes."""
    return f"{name}.".startswith(prefixes)


def without_chance(network: nn.Module, frozen: Prefixes, *, dropout: bool) -> None:
    """Turn off, in place, what draws at random in frozen stages, and all dropout if it is false."""
    for name, layer in network.named_modules():
        off = within(name, frozen) or not dropout
        if isinstance(layer, nn.Dropout) and off:
            layer.p = 0.0
        if isinstance(layer, StochasticDepth) and within(name, frozen):
            layer.p = 0.0
        if hasattr(layer, "drop_prob") and within(name, frozen):  # timm's stochastic depth
            layer.drop_prob = 0.0


def hold_still(trunk: nn.Module, frozen: Prefixes) -> None:
    """Put the modules of frozen stages into evaluation mode, in place."""
    for name, module in trunk.named_modules():
        if within(name, frozen):
            module.training = False
