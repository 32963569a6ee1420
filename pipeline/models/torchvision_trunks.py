"""Any network of torchvision as a trunk, as ``torchvision:NAME``."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from pipeline.models.anatomy import Anatomy, anatomy_of
from pipeline.models.hooked_trunks import as_trunk, drop
from pipeline.models.normalisation import AUXILIARY, CONVERTING
from pipeline.models.strides import (
    built_without_values,
    change_strides,
    no_such_map,
    stride_of,
    without_values,
)
from pipeline.models.torchvision_tokens import SIDE, Family, family_of
from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest

PROBE = 448  # side of the images on which shapes are measured
_HEADS = ("classifier", "head", "heads", "fc")  # no part of a trunk
_NORMALISED_LATE = "convnext_"  # whose classifier begins with a norm ...
_LATE_LINEAR = "classifier.2."  # ... and ends in a linear layer
_PARTS = ("weight", "bias")
_BUILT_FOR_IMAGES = "maxvit"  # by `input_size`


class TorchvisionSpec(NamedTuple):
    """How to read a network's features.

    Attributes:
        side: of the images that shapes are measured on, pixels.
        node: the operation whose output is the map; empty of transformers, which are read as
            `pipeline.models.torchvision_tokens` says.
        anatomy: of the unaltered network.
        classifier: its linear layer on the mean of the map, if it is one, else empty.
    """

    side: int
    node: str
    anatomy: Anatomy
    classifier: str


@cache
def spec_of(name: str) -> TorchvisionSpec:
    """Look at a network of torchvision by its name, without values.

    Raises:
        UserError: torchvision has no such network, or it has no map.
    """
    known = models.list_models(module=models)
    if name not in known:
        raise UserError(f"trunk: torchvision has no network {name!r}{nearest(name, known)}")
    network = built_without_values(partial(_created, name))
    if family := family_of(name):
        return _of_tokens(network, family)
    side = 224 if name.startswith(_BUILT_FOR_IMAGES) else PROBE
    late = name.startswith(_NORMALISED_LATE)
    node, features = _last_map(network, side, () if late else _HEADS)
    kept = {each for each, _ in create_feature_extractor(network, [node]).named_parameters()}
    unused = {each for each, _ in network.named_parameters()} - kept
    anatomy = anatomy_of(network, _run, features, side, unused)
    anatomy = anatomy._replace(
        left_out=(*anatomy.left_out, *AUXILIARY, *([_LATE_LINEAR] if late else [])),
        # the extractor gives them as they are, so that no other layout is a map
        outputs=tuple(each for each in anatomy.outputs if each.layout.form == "NCHW"),
    )
    linear = {
        each
        for each, layer in network.named_modules()
        if isinstance(layer, nn.Linear) and f"{each}.weight" in unused
    }
    alone = len(linear) == 1 and unused == {f"{n}.{part}" for n in linear for part in _PARTS}
    return TorchvisionSpec(side, node, anatomy, linear.pop() if alone else "")


def _of_tokens(network: nn.Module, family: Family) -> TorchvisionSpec:
    """Of a transformer."""
    with torch.no_grad():
        features = family.read_map(network, torch.empty(1, 3, SIDE, SIDE, device="meta"))
    unused = {name for name, _ in network.named_parameters() if name.startswith(family.heads)}
    anatomy = anatomy_of(network, family.read_map, features, SIDE, unused)
    return TorchvisionSpec(SIDE, "", anatomy, family.classifier)


def _run(network: nn.Module, images: Tensor) -> object:
    return network(images)


def _last_map(network: nn.Module, side: int, heads: Sequence[str]) -> tuple[str, Tensor]:
    """The last operation before the head that gives a map (1, channels, h, w), and the map."""
    names = get_graph_node_names(network)[1][1:]  # in evaluation mode; the first are the images
    found = create_feature_extractor(network, names).eval()(
        torch.empty(1, 3, side, side, device="meta")
    )
    pools = {name for name, m in network.named_modules() if isinstance(m, nn.AdaptiveAvgPool2d)}
    for name in reversed(names):
        value = found[name]
        is_map = isinstance(value, Tensor) and value.ndim == 4 and value.shape[-1] > 1
        if is_map and name.partition(".")[0] not in heads and name not in pools:
            return name, value
    raise UserError("trunk: this network of torchvision has no spatial map.")


def build(name: str, stride: int | None, *, dilated: bool) -> nn.Module:
    """A network of torchvision, with random weights, up to its features.

    Args:
        name: in torchvision's list of classifiers.
        stride: pixels for each cell of the map; None: the network's own.
        dilated: see `pipeline.models.strides`.

    Raises:
        UserError: there is no such network, it has no map, or none of that stride.
    """
    spec = spec_of(name)
    network = _created(name)
    own = spec.anatomy.stride
    if family := family_of(name):
        if stride not in (None, own):
            raise UserError(no_such_map(f"torchvision:{name}", stride, own))
        drop(network, spec.anatomy.left_out)
        return as_trunk(network, family.read_map, nn.Identity())
    if stride is None or stride == own:
        return network
    if stride < own:
        change_strides(network, _run, spec.side, stride, dilated=dilated)
    if stride > own or _stride_now(network, spec) != stride:
        raise UserError(no_such_map(f"torchvision:{name}", stride, own))
    return network


def _stride_now(network: nn.Module, spec: TorchvisionSpec) -> int:
    shadow = without_values(create_feature_extractor(network, {spec.node: "features"}))
    try:
        with torch.no_grad():
            images = torch.empty(1, 3, spec.side, spec.side, device="meta")
            return stride_of(spec.side, shadow(images)["features"].shape[-1])
    except RuntimeError:  # its parts do not fit together any more
        return 0


def _created(name: str) -> nn.Module:
    more: dict[str, Any] = {}
    if name in CONVERTING:
        more = {"init_weights": False, "aux_logits": False, "transform_input": True}
    network = models.get_model(name, weights=None, **more)
    if name.startswith(_NORMALISED_LATE):  # the pooled features; here each place has its own
        network.avgpool, network.classifier = nn.Identity(), network.classifier[:1]
    return network
