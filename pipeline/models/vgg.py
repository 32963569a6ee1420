"""VGG16 as a trunk: torchvision's convolutions with fewer or other poolings, then added layers.

Three forms, as in the WSOL benchmark (Choe et al., CVPR 2020): the one of CAM and of all methods
that train it, and those of ACoL and SPG, which end otherwise. All convolutions start as
torchvision's VGG starts its own. That class is not used: it would draw the 124 M weights of a
classifier that is thrown away.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn
from torchvision.models.vgg import cfgs, make_layers

ADDED_LAYERS = ("conv6.", "bn6.")
SPG_LAYERS = ("conv6a.", "bn6a.", "conv6b.", "bn6b.")


def vgg16(map_size: int, *, batch_norm: bool, added_batch_norm: bool = False) -> nn.Sequential:
    """VGG16 without pool5, for 28x28 also without pool4, then conv6 (3x3, 512 -> 1024) and ReLU."""
    pools = [nn.Identity() for _ in range(1 if map_size == 14 else 2)]
    return _network(batch_norm, pools, _added("6", 512, 1024, added_batch_norm))


def vgg16_of_acol(map_size: int, *, batch_norm: bool) -> nn.Sequential:
    """VGG16 with 3x3 poolings and an average over 3x3 cells at its end, 512 channels.

    Pool5 has stride 1, for 28x28 also pool4. No layer with weights is added: ACoL's own heads
    follow.
    """
    strides = (2, 2, 2, 2 if map_size == 14 else 1, 1)
    pools = [nn.MaxPool2d(kernel_size=3, stride=stride, padding=1) for stride in strides]
    average = nn.AvgPool2d(kernel_size=3, stride=1, padding=1)
    return _network(batch_norm, pools, {"average": average})


def vgg16_of_spg(
    map_size: int, *, batch_norm: bool, added_batch_norm: bool = False
) -> nn.Sequential:
    """VGG16 without pool5, then two 3x3 convolutions of 512 channels with ReLU.

    Pool4 takes 3x3 cells; for 28x28 it is gone too.
    """
    pool4 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1) if map_size == 14 else nn.Identity()
    added = [_added(name, 512, 512, added_batch_norm) for name in ("6a", "6b")]
    return _network(batch_norm, [pool4, nn.Identity()], {**added[0], **added[1]})


def vgg_blocks(batch_norm: bool) -> tuple[tuple[str, ...], ...]:
    """The layers with weights of each block between poolings, as prefixes of parameter names."""
    blocks: list[tuple[str, ...]] = []
    block: tuple[str, ...] = ()
    index = 0
    for channels in cfgs["D"]:
        if channels == "M":
            blocks.append(block)
            index, block = index + 1, ()
        else:  # convolution, batch norm if any, ReLU
            weighted = range(index, index + 1 + batch_norm)
            block += tuple(f"features.{layer}." for layer in weighted)
            index = weighted.stop + 1
    return tuple(blocks)


def _network(
    batch_norm: bool, last_pools: Sequence[nn.Module], end: dict[str, nn.Module]
) -> nn.Sequential:
    """VGG16's features with other last poolings, which keep their names, and what follows them."""
    features = make_layers(cfgs["D"], batch_norm=batch_norm)
    pools = [index for index, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    for index, pool in zip(pools[-len(last_pools) :], last_pools, strict=True):
        features[index] = pool
    network = nn.Sequential(OrderedDict(features=features, **end))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def _added(name: str, inputs: int, outputs: int, batch_norm: bool) -> dict[str, nn.Module]:
    """A 3x3 convolution, batch norm if asked for, and ReLU."""
    norm = {f"bn{name}": nn.BatchNorm2d(outputs)} if batch_norm else {}
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
    return {f"conv{name}": convolution, **norm, f"relu{name}": nn.ReLU(inplace=True)}
