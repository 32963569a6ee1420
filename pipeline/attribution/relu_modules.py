"""A trunk whose every ReLU is a module of its own, for methods that hook them."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn.functional as F
from torch import fx, nn

from pipeline.models.switching import switched


@contextmanager
def in_place_off(network: nn.Module) -> Iterator[None]:
    """While it lasts, no module writes over its input, which hooks of gradients forbid."""
    with switched(network, "inplace", to=False):
        yield


def with_relu_modules(trunk: nn.Module) -> tuple[nn.Module, int]:
    """A trunk that computes the same with the same parameters, and how many ReLUs it has.

    torchvision's trunks also call the function, which hooks miss, and one module several times;
    here every call has a module of its own. A trunk that is no graph is returned as it is.
    """
    if not isinstance(trunk, fx.GraphModule):
        return trunk, sum(isinstance(module, nn.ReLU) for module in trunk.modules())
    found = fx.GraphModule(trunk, copy.deepcopy(trunk.graph))
    calls = [node for node in found.graph.nodes if _is_relu(node, trunk)]
    for node in calls:
        name = f"own_{node.name}"
        found.add_module(name, nn.ReLU())
        with found.graph.inserting_after(node):
            own = found.graph.call_module(name, node.args[:1])
        node.replace_all_uses_with(own)
        found.graph.erase_node(node)
    found.recompile()
    return found, len(calls)


def _is_relu(node: fx.Node, trunk: nn.Module) -> bool:
    if node.op == "call_module":
        return isinstance(trunk.get_submodule(str(node.target)), nn.ReLU)
    return node.op == "call_function" and node.target is F.relu
