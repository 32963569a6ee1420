"""Any network of timm as a trunk, as ``timm:NAME``: its features as a map."""

import torch
from torch import Tensor, nn

from pipeline.models.downloads import downloaded
from pipeline.models.hooked_trunks import HookedTrunk, as_trunk, drop
from pipeline.models.normalisation import from_imagenet
from pipeline.models.strides import change_strides, no_such_map, stride_of, without_values
from pipeline.models.timm_specs import TimmSpec, cfg_of, created, network_reader, read, spec_of
from pipeline.runtime.errors import UserError


def build(name: str, side: int, stride: int | None, *, dilated: bool) -> HookedTrunk:
    """A network of timm as a trunk, with random weights.

    Args:
        name: in timm's list.
        side: of the images, see :func:`spec_of`.
        stride: pixels for each cell of the map; None: the network's own.
        dilated: see `pipeline.models.strides`.

    Raises:
        UserError: there is no such network, it has no map, or none of that stride.
    """
    spec = spec_of(name, side)
    network = created(name, spec.given)
    drop(network, spec.anatomy.left_out)
    own = spec.anatomy.stride
    if stride is not None and stride != own:
        if stride > own or spec.layout.form == "NLC":  # tokens are as many as there are places
            raise UserError(no_such_map(f"timm:{name}", stride, own))
        change_strides(network, network_reader(spec), spec.side, stride, dilated=dilated)
        if _stride_now(network, spec) != stride:
            raise UserError(no_such_map(f"timm:{name}", stride, own))
    cfg = cfg_of(network)
    return as_trunk(network, network_reader(spec), from_imagenet(cfg["mean"], cfg["std"]))


def published(name: str) -> dict[str, Tensor]:
    """The weights that timm publishes for a network, which it downloads.

    Raises:
        UserError: there are none, or they cannot be downloaded.
    """
    import timm

    network = downloaded(lambda: timm.create_model(name, pretrained=True), f"timm:{name}")
    return network.state_dict()


def _stride_now(network: nn.Module, spec: TimmSpec) -> int:
    try:
        with torch.no_grad():
            images = torch.empty(1, 3, spec.side, spec.side, device="meta")
            return stride_of(spec.side, read(without_values(network), spec, images).shape[-1])
    except RuntimeError:  # its parts do not fit together any more
        return 0
