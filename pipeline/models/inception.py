"""Inception-v3 as a trunk: torchvision's layers up to Mixed_6e, then two convolutions.

The strides and paddings are those of the WSOL benchmark (Choe et al., CVPR 2020): images of 224
pixels give maps of exactly 28x28, or 14x14 with one more pooling, where torchvision's network
would give 12x12.
"""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.inception import (
    BasicConv2d,
    Inception3,
    InceptionA,
    InceptionAux,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)

from pipeline.models.normalisation import TO_ONE, FromImageNet

ADDED_LAYERS = ("Conv2d_7a_3x3.", "bn_7a.", "Conv2d_7b_3x3.", "bn_7b.")
DROPOUT = 0.5


def inception_v3(
    map_size: int, *, added_batch_norm: bool = False, convert_input: bool = True
) -> nn.Sequential:
    """Images (B, 3, S, S), normalised as for every trunk -> features (B, 1024, h, w).

    Mixed_6a has stride 1; for ``map_size`` 14 a pooling after Mixed_5d halves the map instead.
    After Mixed_6e follow two 3x3 convolutions of 1024 channels with ReLU (``added_batch_norm``
    puts batch norm between the two), and dropout before, between and after them (the last one
    stands before the heads).

    torchvision's weights were trained on images in [-1, 1]. Its network converts normalised
    images if it is built with ``transform_input=True``, as it is whenever it loads those weights;
    this trunk does too, unless ``convert_input`` is false, as in the released code.
    """
    blocks = [BasicConv2d, InceptionA, _StrideOneB, InceptionC, InceptionD, InceptionE]
    network = Inception3(
        aux_logits=False, inception_blocks=[*blocks, InceptionAux], init_weights=True
    )
    network.Conv2d_1a_3x3.conv.padding = (1, 1)
    for pool in (network.maxpool1, network.maxpool2):
        pool.padding, pool.ceil_mode = 1, True

    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["transform_input"] = FromImageNet(TO_ONE, TO_ONE) if convert_input else nn.Identity()
    for name, layer in network.named_children():  # in the order in which they are applied
        layers[name] = layer
        if name == "Mixed_5d":
            pool = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
            layers["maxpool3"] = pool if map_size == 14 else nn.Identity()
        if name == "Mixed_6e":
            break
    added = (("1", "7a", 768), ("2", "7b", 1024))
    for number, name, channels in added:
        layers[f"dropout{number}"] = nn.Dropout(DROPOUT)
        layers[f"Conv2d_{name}_3x3"] = _convolution(channels)
        if added_batch_norm:
            layers[f"bn_{name}"] = nn.BatchNorm2d(1024)
        layers[f"relu{number}"] = nn.ReLU(inplace=True)
    layers["dropout3"] = nn.Dropout(DROPOUT)
    return nn.Sequential(layers)


class _StrideOneB(InceptionB):
    """Mixed_6a at stride 1: its two strided convolutions and its pooling keep the size."""

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        for block in (self.branch3x3, self.branch3x3dbl_3):
            block.conv.stride = block.conv.padding = (1, 1)

    def _forward(self, x: Tensor) -> list[Tensor]:  # torchvision's pooling has a fixed stride
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pooled = F.max_pool2d(x, kernel_size=3, stride=1, padding=1)
        return [self.branch3x3(x), double, pooled]


def _convolution(channels: int) -> nn.Conv2d:
    layer = nn.Conv2d(channels, 1024, kernel_size=3, padding=1)
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
