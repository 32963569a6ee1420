"""Any network of timm as a trunk, as ``timm:NAME``: its features as a map."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from pipeline.models.downloads import downloaded
from pipeline.models.layouts import Layout
from pipeline.models.normalisation import from_imagenet
from pipeline.models.strides import change_strides, no_such_map, stride_of, without_values
from pipeline.models.timm_plans import Plan, cfg_of, created, network_reader, plan_of, read
from pipeline.runtime.errors import UserError


class TimmTrunk(nn.Module):
    """A network of timm whose `forward` gives its map and, by name, maps within it.

    It is the network itself (see :func:`as_trunk`), so its tensors keep timm's names.
    """

    convert: nn.Module
    plan: Plan
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
            features = read(self, self.plan, self.convert(images))
        finally:
            for each in hooks:
                each.remove()
        if "features" in changes:
            features = changes["features"](features)
        return {"features": features, **found}


def build(name: str, side: int, stride: int | None, *, dilated: bool) -> TimmTrunk:
    """A network of timm as a trunk, with random weights.

    Args:
        name: in timm's list.
        side: of the images, see :func:`plan_of`.
        stride: pixels for each cell of the map; None: the network's own.
        dilated: see `pipeline.models.strides`.

    Raises:
        UserError: there is no such network, it has no map, or none of that stride.
    """
    plan = plan_of(name, side)
    network = created(name, plan.given)
    _drop(network, plan.anatomy.left_out)
    own = plan.anatomy.stride
    if stride is not None and stride != own:
        if stride > own or plan.layout.form == "NLC":  # tokens are as many as there are places
            raise UserError(no_such_map(f"timm:{name}", stride, own))
        change_strides(network, network_reader(plan), plan.side, stride, dilated=dilated)
        if _stride_now(network, plan) != stride:
            raise UserError(no_such_map(f"timm:{name}", stride, own))
    return as_trunk(network, plan)


def published(name: str) -> dict[str, Tensor]:
    """The weights that timm publishes for a network, which it downloads.

    Raises:
        UserError: there are none, or they cannot be downloaded.
    """
    import timm

    network = downloaded(lambda: timm.create_model(name, pretrained=True), f"timm:{name}")
    return network.state_dict()


def as_trunk(network: nn.Module, plan: Plan) -> TimmTrunk:
    """The same network, whose call gives its map instead of its logits."""
    cfg = cfg_of(network)
    network.__class__ = type("TimmTrunk", (TimmTrunk, type(network)), {})
    assert isinstance(network, TimmTrunk)
    network.plan, network.places = plan, {}
    network.convert = from_imagenet(cfg["mean"], cfg["std"])
    return network


def _drop(network: nn.Module, left_out: tuple[str, ...]) -> None:
    """Put nothing in the place of modules that are left out."""
    for name, module in list(network.named_modules()):
        below = [f"{name}.{each}" for each, _ in module.named_parameters()]
        gone = bool(below) and all(each.startswith(left_out) for each in below)
        if name and left_out and gone and name in dict(network.named_modules()):
            network.set_submodule(name, nn.Identity())


def _stride_now(network: nn.Module, plan: Plan) -> int:
    try:
        with torch.no_grad():
            images = torch.empty(1, 3, plan.side, plan.side, device="meta")
            return stride_of(plan.side, read(without_values(network), plan, images).shape[-1])
    except RuntimeError:  # its parts do not fit together any more
        return 0
