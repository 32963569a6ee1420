"""Run a trunk while features inside it are changed, as layers that act in training alone do."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, fx, nn

from pipeline.models.hooked_trunks import HookedTrunk

Change = Callable[[Tensor], Tensor]


def altered(trunk: nn.Module, images: Tensor, changes: Mapping[str, Change]) -> dict[str, Tensor]:
    """A pass through a trunk that goes on with the changed features.

    The trunk itself stays as it is: without this function it is CAM's.

    Args:
        trunk: of `pipeline.models.trunks.build_trunk`.
        images: (B, 3, S, S).
        changes: output of the trunk, ``features`` or a place -> what is applied to it.

    Returns:
        The trunk's outputs by name; those with a change are the changed ones.
    """
    if isinstance(trunk, HookedTrunk):
        return trunk(images, changes)
    assert isinstance(trunk, fx.GraphModule)
    return _Altered(trunk, changes).run(images)


class _Altered(fx.Interpreter):
    """Executes a trunk's graph node by node."""

    def __init__(self, trunk: fx.GraphModule, changes: Mapping[str, Change]) -> None:
        super().__init__(trunk)
        outputs: Any = trunk.graph.output_node().args[0]  # name -> node
        self.changes = {outputs[name]: change for name, change in changes.items()}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        return self.changes[n](value) if n in self.changes else value
