"""Trunks: torchvision's own networks, cut before their heads, with strides for larger maps.

A trunk is built with ``map_size``, the nominal side of its map for images of 224 pixels: 14 or 28
(docs/trunks.md has the exact sizes). Only strides, paddings and pools change between the two, so a
file of weights fits both. Parameter names stay torchvision's, so its weights load as they are;
VGG and Inception-v3 end in added convolutions that start from their initialisation, as in the
WSOL benchmark (Choe et al., CVPR 2020). A new trunk is one function and one line in `TRUNKS`.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from torch import fx, nn
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.models.vgg import cfgs, make_layers

from pipeline.models.inception import ADDED_LAYERS, inception_v3


class Trunk(NamedTuple):
    """How to build a trunk and where it ends; names are prefixes of parameter names."""

    build: Callable[[int], nn.Module]  # map size -> the network, which may go on after `node`
    node: str  # the module whose output is the feature map
    channels: int  # of the feature map
    left_out: tuple[str, ...]  # torchvision's layers that the trunk has no use for
    last_block: tuple[str, ...]  # trained at the heads' learning rate
    added: tuple[str, ...] = ()  # layers that torchvision's network lacks
    classifier: str = ""  # torchvision's linear layer on the mean of the feature map, if it is one
    rectified: bool = False  # a ReLU stands between that layer and the mean


def _resnet(map_size: int, *, torchvision_builder: Callable[..., ResNet]) -> nn.Module:
    """ResNet with layer4 at stride 1, for 28x28 maps also layer3 (paper, Appendix C)."""
    network = torchvision_builder(weights=None)
    remove_strides(network.layer4)
    if map_size == 28:
        remove_strides(network.layer3)
    return network


def _resnet_small(map_size: int) -> nn.Module:
    """A ResNet with one basic block a stage that ends after the third, for 28x28 at stride 1.

    1.2 M parameters. The 28x28 maps are 1/8 of the input (14x14 at 112); their receptive field is
    83 pixels (stem 7 + pool 4, stage one 16, stage two 8 + 16, stage three 32).
    """
    network = ResNet(BasicBlock, [1, 1, 1, 1])
    if map_size == 28:
        remove_strides(network.layer3)
    return network


def _squeezenet1_0(map_size: int) -> nn.Module:
    """SqueezeNet 1.0: 13x13 maps at 224, without its last pooling 27x27."""
    network = models.squeezenet1_0(weights=None)
    if map_size == 28:
        remove_last_pools(network.features, 1)
    return network


def _vgg16(map_size: int, *, batch_norm: bool) -> nn.Module:
    """VGG16 without pool5, for 28x28 also without pool4, then conv6 (3x3, 512 -> 1024) and ReLU.

    All convolutions start as torchvision's VGG starts its own. That class is not used: it would
    draw the 124 M weights of a classifier that is thrown away.
    """
    features = make_layers(cfgs["D"], batch_norm=batch_norm)
    remove_last_pools(features, 1 if map_size == 14 else 2)
    conv6 = nn.Conv2d(512, 1024, kernel_size=3, padding=1)
    layers = OrderedDict(features=features, conv6=conv6, relu6=nn.ReLU(inplace=True))
    network = nn.Sequential(layers)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def _convnext_tiny(map_size: int) -> nn.Module:
    """ConvNeXt-T whose last downsampling keeps the size, for 28x28 the last two.

    Their kernel is 2x2. At stride 1 it is spread to the cells before and after its own, which
    keeps both the size and the centre of the map; two adjacent cells would shift it by half a
    cell. The norm that torchvision applies to the pooled features is applied at each location.
    """
    network = models.convnext_tiny(weights=None)
    for stage in (6,) if map_size == 14 else (4, 6):
        _, downsampling = network.features[stage]  # norm, convolution
        downsampling.stride, downsampling.dilation, downsampling.padding = (1, 1), (2, 2), (1, 1)
    network.avgpool = nn.Identity()
    return network


def remove_strides(stage: nn.Module) -> None:
    """Set every convolution of a stage to stride 1, in place."""
    for layer in stage.modules():
        if isinstance(layer, nn.Conv2d):
            layer.stride = (1, 1)


def remove_last_pools(layers: nn.Sequential, count: int) -> None:
    """Replace the last ``count`` poolings in place, so that the layers after keep their names."""
    pools = [index for index, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
    for index in pools[-count:]:
        layers[index] = nn.Identity()


TRUNKS: dict[str, Trunk] = {
    "resnet_small": Trunk(
        build=_resnet_small,
        node="layer3",
        channels=256,
        left_out=("layer4.", "fc."),
        last_block=("layer3.",),
    ),
    "resnet18": Trunk(
        build=partial(_resnet, torchvision_builder=models.resnet18),
        node="layer4",
        channels=512,
        left_out=("fc.",),
        last_block=("layer4.",),
        classifier="fc",
    ),
    "resnet50": Trunk(
        build=partial(_resnet, torchvision_builder=models.resnet50),
        node="layer4",
        channels=2048,
        left_out=("fc.",),
        last_block=("layer4.",),
        classifier="fc",
    ),
    "vgg16": Trunk(
        build=partial(_vgg16, batch_norm=False),
        node="relu6",
        channels=1024,
        left_out=("classifier.",),
        last_block=("conv6.",),
        added=("conv6.",),
    ),
    "vgg16_bn": Trunk(
        build=partial(_vgg16, batch_norm=True),
        node="relu6",
        channels=1024,
        left_out=("classifier.",),
        last_block=("conv6.",),
        added=("conv6.",),
    ),
    "inception_v3": Trunk(
        build=inception_v3,
        node="dropout3",
        channels=1024,
        left_out=("AuxLogits.", "Mixed_7", "fc."),
        last_block=ADDED_LAYERS,
        added=ADDED_LAYERS,
    ),
    "squeezenet1_0": Trunk(
        build=_squeezenet1_0,
        node="features",
        channels=512,
        left_out=("classifier.",),
        last_block=(),
        classifier="classifier.1",
        rectified=True,
    ),
    "convnext_tiny": Trunk(
        build=_convnext_tiny,
        node="classifier.0",
        channels=768,
        left_out=("classifier.2.",),
        last_block=("features.6.", "features.7.", "classifier.0."),
    ),
}


def build_trunk(
    name: str, map_size: int = 28, places: Iterable[str] = (), *, dropout: bool = True
) -> fx.GraphModule:
    """The feature extractor of ``name``, with random weights.

    Args:
        name: a key of `TRUNKS`.
        map_size: 14 or 28, the nominal side h = w of the map for S = 224.
        places: further modules of the network whose output is returned under their names.
        dropout: keep the network's own.

    Returns:
        a module: images (B, 3, S, S) -> {"features": (B, channels, h, w)} and the places.
    """
    trunk = TRUNKS[name]
    network = trunk.build(map_size)
    if not dropout:
        for layer in network.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
    inner = {place: place for place in places if place != "features"}
    return create_feature_extractor(network, {trunk.node: "features", **inner})
