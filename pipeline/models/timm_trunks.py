"""Any network of timm as a trunk, as ``timm:NAME``: its features as a map."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pipeline.models.anatomy import Anatomy, anatomy_of
from pipeline.models.layouts import Layout, layout_of
from pipeline.models.normalisation import from_imagenet
from pipeline.models.strides import (
    built_without_values,
    change_strides,
    no_such_map,
    stride_of,
    without_values,
)
from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest

PROBE = 448  # side of the images on which shapes are measured: a multiple of 14, 16 and 32
# Norms that a classifier applies to the pooled features; here each place has its own
_LATE_NORMS = ("fc_norm", "head.norm")

Change = Callable[[Tensor], Tensor]  # of a map


class Plan(NamedTuple):
    """How to read a timm network's features.

    Attributes:
        given: arguments of timm's builder.
        side: of the images that shapes are measured on, pixels.
        layout: of the features.
        late: norms applied to them.
        anatomy: of the unaltered network.
        classifier: its linear layer on the mean of the map, if it is one, else empty.
    """

    given: dict[str, Any]
    side: int
    layout: Layout
    late: tuple[str, ...]
    anatomy: Anatomy
    classifier: str


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


def read(network: nn.Module, plan: Plan, images: Tensor) -> Tensor:
    """The map (B, channels, h, w) of a network: its features, normalised as its classifier does."""
    features = network.forward_features(images)  # type: ignore[operator]
    for name in plan.late:
        features = network.get_submodule(name)(features)
    return plan.layout.as_map(features)


def network_reader(plan: Plan) -> Callable[[nn.Module, Tensor], Tensor]:
    """`read` with this plan."""
    return lambda network, images: read(network, plan, images)


def _used(network: nn.Module, plan: Plan) -> tuple[Tensor, set[str]]:
    """The features of a probe, and the parameters that they do not depend on."""
    shadow = without_values(network)
    for parameter in shadow.parameters():
        parameter.requires_grad_()
    with torch.inference_mode(False), torch.enable_grad():  # whoever asks, and where
        features = read(shadow, plan, torch.empty(1, 3, plan.side, plan.side, device="meta"))
        features.sum().backward()
    return features, {name for name, each in shadow.named_parameters() if each.grad is None}


@cache
def plan_of(name: str, side: int) -> Plan:
    """Look at a network of timm by its name, without values.

    Args:
        name: in timm's list.
        side: of the images that it will be given, for networks that are built for one size.

    Raises:
        UserError: timm has no such network, or it has no map.
    """
    import timm  # a second, which only the trunks of timm take

    if not timm.is_model(name):
        raise UserError(f"trunk: timm has no network {name!r}{nearest(name, timm.list_models())}")
    network, given = _built(name, side)
    cfg = _about(network)
    reasons = []
    for size in dict.fromkeys((PROBE, side, cfg["input_size"][1])):
        try:
            with torch.no_grad():
                images = torch.empty(1, 3, size, size, device="meta")
                features = network.forward_features(images)  # type: ignore[operator]
        except Exception as error:  # each family has its own way to refuse a size
            reasons.append(f"{size} pixels: {error}")
            continue
        layout = layout_of(features, network) if isinstance(features, Tensor) else None
        if layout is None:
            break
        late = tuple(norm for norm in _LATE_NORMS if _has_weights(network, norm))
        plan = Plan(given, size, layout, late, anatomy=None, classifier="")  # type: ignore[arg-type]
        features, unused = _used(network, plan)
        run = network_reader(plan)
        anatomy = anatomy_of(network, run, features, size, unused)
        classifier = _classifier(network, plan, unused)
        return plan._replace(anatomy=anatomy, classifier=classifier)
    why = ", but features of several kinds or of the whole image"
    if reasons:
        why = f" ({reasons[-1]})"
    raise UserError(
        f"trunk: timm's {name!r} has no spatial map{why}. Take a network that has one, such as "
        "'timm:resnet18' or 'timm:vit_small_patch16_224'."
    )


def _built(name: str, side: int) -> tuple[nn.Module, dict[str, Any]]:
    """A network without values, and the arguments by which it takes images of any size, or one."""
    ways: Iterable[dict[str, Any]] = ({"dynamic_img_size": True}, {"img_size": side}, {})
    for given in ways:
        try:
            return built_without_values(partial(_created, name, given)), given
        except TypeError as error:  # this network has no such argument
            unknown = error
    raise UserError(f"trunk: timm cannot build {name!r}: {unknown}")


def _created(name: str, given: Mapping[str, Any]) -> nn.Module:
    import timm

    try:
        return timm.create_model(name, pretrained=False, **given)
    except RuntimeError as error:
        if "pretrained tag" not in str(error):  # as in NAME.TAG
            raise
        raise UserError(f"trunk: timm cannot build {name!r}: {error}") from error


def _about(network: nn.Module) -> Mapping[str, Any]:
    """timm's description of a network: its normalisation, size and classifier."""
    return network.pretrained_cfg  # type: ignore[return-value]


def _has_weights(network: nn.Module, name: str) -> bool:
    try:
        return any(True for _ in network.get_submodule(name).parameters())
    except AttributeError:
        return False


def _classifier(network: nn.Module, plan: Plan, unused: set[str]) -> str:
    """The linear layer that alone follows the mean of the map; empty if other layers do."""
    name = _about(network).get("classifier")
    head = getattr(network, "head", None)
    pools = getattr(network, "global_pool", None) or getattr(head, "global_pool", None)
    if isinstance(pools, nn.Module):
        pools = getattr(pools, "pool_type", None)
    if plan.late or pools != "avg" or not isinstance(name, str):
        return ""
    return name if unused == {f"{name}.weight", f"{name}.bias"} else ""


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
    network = _created(name, plan.given)
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

    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # its network code raises what it likes
        raise UserError(
            f"weights: timm's of {name!r} cannot be had ({error}). Download them where there is a "
            "network and give the file's path instead."
        ) from error


def as_trunk(network: nn.Module, plan: Plan) -> TimmTrunk:
    """The same network, whose call gives its map instead of its logits."""
    cfg = _about(network)
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
