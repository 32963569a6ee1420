"""The end of a network from elsewhere, found by comparing numbers, not by names.

A network that pools and has a linear layer, or ends in a convolution and pools, has class
activations: maps whose mean over the places is the logits. Of another one the last layer that still
has a map is found, at which the Grad-CAM family works.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

TOLERANCE = 1e-4  # relative, between a network's logits and those of the end that was found


class End(NamedTuple):
    """Features (B, channels, h, w) -> class activations whose mean is the logits.

    Attributes:
        place: the layer at which the features are.
        before: they are the layer's input, not its output.
        finish: what the network does to them without a layer of its own.
        linear: the layer that makes class activations of them: a linear one, or a convolution.
        rectified: a ReLU stands between the activations and their mean.
    """

    place: nn.Module
    before: bool
    finish: Callable[[Tensor], Tensor]
    linear: nn.Linear | nn.Conv2d
    rectified: bool = False


class Call(NamedTuple):
    """What went through a module."""

    name: str
    module: nn.Module
    given: Tensor
    found: Tensor


@torch.no_grad()
def calls_of(network: nn.Module, probe: Tensor) -> list[Call]:
    """Every module that makes one tensor of a first one, in the order in which they end."""
    calls: list[Call] = []

    def record(name: str) -> Callable:
        def hook(module: nn.Module, given: tuple, found: object) -> None:
            if isinstance(found, Tensor) and given and isinstance(given[0], Tensor):
                calls.append(Call(name, module, given[0], found))

        return hook

    hooks = [module.register_forward_hook(record(name)) for name, module in network.named_modules()]
    try:
        network(probe)
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def layers_in_order(network: nn.Module, images: Tensor) -> list[str]:
    """Names of a network's innermost modules, in the order in which images go through them."""
    if isinstance(network, fx.GraphModule):  # some layers were taken apart when it was traced
        nodes = [node for node in network.graph.nodes if node.op in ("call_module", "get_attr")]
        return [str(node.target) for node in nodes]
    calls = calls_of(network, images)
    return [call.name for call in calls if not any(call.module.children())]


def end_of(calls: list[Call], logits: Tensor) -> End | None:
    """The end of a network that has class activations, from its calls on a probe."""
    for call in reversed(calls):
        layer = call.module
        if isinstance(layer, nn.Linear) and is_close(call.found, logits):
            return _pooled(calls, layer, call.given)
    return _convolved(calls, logits)


def _pooled(calls: list[Call], linear: nn.Linear, pooled: Tensor) -> End | None:
    """Features whose mean over the places is the linear layer's input."""
    for call in reversed(calls):
        if call.found.ndim != 4 or len(call.found) != len(pooled):
            continue
        for finish in (_as_it_is, F.relu, _channels_first):
            features = finish(call.found)
            if features[0, 0].numel() > 1 and is_close(features.mean(dim=(2, 3)), pooled):
                return End(call.module, False, finish, linear)
    return None


def _convolved(calls: list[Call], logits: Tensor) -> End | None:
    """A convolution at single places whose mean, perhaps after a ReLU, is the logits."""
    for call in reversed(calls):
        layer = call.module
        if not isinstance(layer, nn.Conv2d) or layer.kernel_size != (1, 1) or layer.groups != 1:
            continue
        if call.found.shape[:2] != logits.shape or call.found[0, 0].numel() < 2:
            continue
        with torch.no_grad():
            own = layer(call.given)  # what follows may have written into the one that was recorded
        for rectified in (False, True):
            maps = F.relu(own) if rectified else own
            if is_close(maps.mean(dim=(2, 3)), logits):
                return End(layer, True, _as_it_is, layer, rectified)
    return None


def spatial_layers(calls: list[Call]) -> Iterator[Call]:
    """Layers with a map of more than one place, from the last on.

    None of a network whose last map is followed by tokens (B, N, channels), as in a ViT: what its
    patches' embedding shows is far from the prediction. Poolings only enlarge or thin out a map.
    """
    pooled = {id(call.found) for call in calls if "Pool" in type(call.module).__name__}
    for call in reversed(calls):
        if call.found.ndim == 3 and call.found.shape[1] > 1:
            return
        is_map = call.found.ndim == 4 and call.found[0, 0].numel() > 1
        if is_map and id(call.found) not in pooled:
            yield call


def _as_it_is(features: Tensor) -> Tensor:
    return features


def _channels_first(features: Tensor) -> Tensor:
    """(B, h, w, channels), as Swin has them -> (B, channels, h, w)."""
    return features.permute(0, 3, 1, 2)


def is_close(found: Tensor, expected: Tensor) -> bool:
    """Whether two results are the same but for rounding."""
    if found.shape != expected.shape:
        return False
    return bool((found - expected).abs().max() <= TOLERANCE * expected.abs().max())
