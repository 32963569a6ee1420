"""How to read a map off a network of timm: found by looking at the network, without its weights."""

from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pipeline.models.anatomy import Anatomy, anatomy_of
from pipeline.models.hooked_trunks import Reader
from pipeline.models.layouts import Layout, layout_of
from pipeline.models.strides import built_without_values, without_values
from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest

PROBE = 448  # side of the images on which shapes are measured: a multiple of 14, 16 and 32
# Norms that a classifier applies to the pooled features; here each place has its own
_LATE_NORMS = ("fc_norm", "head.norm")


class TimmSpec(NamedTuple):
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


def read(network: nn.Module, spec: TimmSpec, images: Tensor) -> Tensor:
    """The map (B, channels, h, w) of a network: its features, normalised as its classifier does."""
    features = network.forward_features(images)  # type: ignore[operator]
    for name in spec.late:
        features = network.get_submodule(name)(features)
    return spec.layout.as_map(features)


def network_reader(spec: TimmSpec) -> Reader:
    """`read` with this spec."""
    return lambda network, images: read(network, spec, images)


def _used(network: nn.Module, spec: TimmSpec) -> tuple[Tensor, set[str]]:
    """The features of a probe, and the parameters that they do not depend on."""
    shadow = without_values(network)
    for parameter in shadow.parameters():
        parameter.requires_grad_()
    with torch.inference_mode(False), torch.enable_grad():  # whoever asks, and where
        features = read(shadow, spec, torch.empty(1, 3, spec.side, spec.side, device="meta"))
        features.sum().backward()
    return features, {name for name, each in shadow.named_parameters() if each.grad is None}


@cache
def spec_of(name: str, side: int) -> TimmSpec:
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
    cfg = cfg_of(network)
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
        spec = TimmSpec(given, size, layout, late, anatomy=None, classifier="")  # type: ignore[arg-type]
        features, unused = _used(network, spec)
        run = network_reader(spec)
        anatomy = anatomy_of(network, run, features, size, unused)
        classifier = _classifier(network, spec, unused)
        return spec._replace(anatomy=anatomy, classifier=classifier)
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
            return built_without_values(partial(created, name, given)), given
        except TypeError as error:  # this network has no such argument
            unknown = error
    raise UserError(f"trunk: timm cannot build {name!r}: {unknown}")


def created(name: str, given: Mapping[str, Any]) -> nn.Module:
    """A network of timm with random weights; ``given`` are arguments of timm's builder.

    Raises:
        UserError: timm does not know this tag of the name.
    """
    import timm

    try:
        return timm.create_model(name, pretrained=False, **given)
    except RuntimeError as error:
        if "pretrained tag" not in str(error):  # as in NAME.TAG
            raise
        raise UserError(f"trunk: timm cannot build {name!r}: {error}") from error


def cfg_of(network: nn.Module) -> Mapping[str, Any]:
    """timm's description of a network: its normalisation, size and classifier."""
    return network.pretrained_cfg  # type: ignore[return-value]


def _has_weights(network: nn.Module, name: str) -> bool:
    try:
        return any(True for _ in network.get_submodule(name).parameters())
    except AttributeError:
        return False


def _classifier(network: nn.Module, spec: TimmSpec, unused: set[str]) -> str:
    """The linear layer that alone follows the mean of the map; empty if other layers do."""
    name = cfg_of(network).get("classifier")
    head = getattr(network, "head", None)
    pools = getattr(network, "global_pool", None) or getattr(head, "global_pool", None)
    if isinstance(pools, nn.Module):
        pools = getattr(pools, "pool_type", None)
    if spec.late or pools != "avg" or not isinstance(name, str):
        return ""
    return name if unused == {f"{name}.weight", f"{name}.bias"} else ""
