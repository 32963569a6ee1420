"""A network as a trunk without being taken apart: its map, and maps within it read by hooks.

For networks whose operations cannot be traced as a graph for images of any size: those of timm, and
torchvision's transformers.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor, nn

from pipeline.models.layouts import Layout

Reader = Callable[[nn.Module, Tensor], Tensor]  # network, images -> its map (B, channels, h, w)


class HookedTrunk(nn.Module):
    """A network whose `forward` gives its map and, by name, maps within it.

    It is the network itself (see :func:`as_trunk`), so its tensors keep the library's names.

    Attributes:
        convert: from the images of a study to the network's own.
        read_map: how its map is read.
        places: modules whose output is returned under their names, and its layout.
    """

    convert: nn.Module
    read_map: Reader
    places: dict[str, Layout]

    def forward(
        self,
        images: Tensor,
        changes: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType({}),
    ) -> dict[str, Tensor]:
        """One pass.

        Args:
            images: (B, 3, S, S), normalised by ImageNet's mean and deviation.
            changes: "features" or a place -> what is applied to its map; the pass goes on with it.

        Returns:
            "features" and the places, as they are after the changes.
        """
        found: dict[str, Tensor] = {}

        def watch(name: str, layout: Layout) -> Callable:
            def hook(module: nn.Module, given: tuple, output: Tensor) -> Tensor:
                found[name] = layout.as_map(output)
                if name not in changes:
                    return output
                found[name] = changes[name](found[name])
                return layout.put_back(output, found[name])

            return hook

        hooks = [
            self.get_submodule(name).register_forward_hook(watch(name, layout))
            for name, layout in self.places.items()
        ]
        try:
            features = self.read_map(self, self.convert(images))
        finally:
            for each in hooks:
                each.remove()
        if "features" in changes:
            features = changes["features"](features)
        return {"features": features, **found}


def as_trunk(network: nn.Module, read_map: Reader, convert: nn.Module) -> HookedTrunk:
    """The same network, whose call gives its map instead of its logits."""
    network.__class__ = type("HookedTrunk", (HookedTrunk, type(network)), {})
    assert isinstance(network, HookedTrunk)
    network.read_map, network.convert, network.places = read_map, convert, {}
    return network


def drop(network: nn.Module, left_out: tuple[str, ...]) -> None:
    """Put nothing in the place of modules that are left out, in place.

    Args:
        network: with values or without.
        left_out: prefixes of the names of their parameters.
    """
    for name, module in list(network.named_modules()):
        below = [f"{name}.{each}" for each, _ in module.named_parameters()]
        gone = bool(below) and all(each.startswith(left_out) for each in below)
        if name and left_out and gone and name in dict(network.named_modules()):
            network.set_submodule(name, nn.Identity())
