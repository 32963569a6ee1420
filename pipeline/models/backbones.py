"""Trunks: torchvision's own networks, cut before their heads, with strides for larger maps.

Parameter names stay torchvision's, so its weights load as they are. A new trunk is one function
and one line in `TRUNKS`.
"""

from collections.abc import Callable
from typing import NamedTuple

import torchvision
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.models.resnet import BasicBlock, ResNet


class Trunk(NamedTuple):
    """How to build a trunk and where it ends."""

    build: Callable[[], nn.Module]  # the whole torchvision network, strides changed
    node: str  # the module whose output is the feature map
    channels: int  # of the feature map
    last_block: tuple[str, ...]  # parameter names that train at the heads' learning rate


def _resnet_small() -> nn.Module:
    """A ResNet with one basic block a stage, the third at stride 1; its features end there.

    0.7 M parameters; maps of 1/8 of the input (14x14 at 112); receptive field 83 pixels
    (stem 7 + pool 4, stage one 16, stage two 8 + 16, stage three 32).
    """
    network = ResNet(BasicBlock, [1, 1, 1, 1])
    first = network.layer3[0]
    first.conv1.stride = first.downsample[0].stride = (1, 1)
    return network


def _squeezenet1_0() -> nn.Module:
    """SqueezeNet 1.0 without its last pooling: 27x27 maps at 224 instead of 13x13."""
    network = torchvision.models.squeezenet1_0(weights=None)
    network.features[11] = nn.Identity()  # keeps the index of the block after it
    return network


TRUNKS: dict[str, Trunk] = {
    "resnet_small": Trunk(_resnet_small, "layer3", 256, ("layer3.",)),
    "squeezenet1_0": Trunk(_squeezenet1_0, "features", 512, ()),
}


def build_trunk(name: str) -> nn.Module:
    """The feature extractor of ``name``: images (B, 3, S, S) -> features (B, channels, h, w)."""
    trunk = TRUNKS[name]
    return create_feature_extractor(trunk.build(), {trunk.node: "features"})
