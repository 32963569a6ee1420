"""Trunks: networks cut before their heads, with strides for larger maps.

A trunk is built with ``map_size``, the nominal side of its map for images of 224 pixels
(docs/trunks.md has the exact sizes). Only strides, paddings and pools change between sizes, so a
file of weights fits all. Any network of timm or torchvision is a trunk by its name,
`pipeline.models.timm_trunks` and `pipeline.models.torchvision_trunks`; `TRUNKS` has those of the
paper. Parameter names stay the library's, so its weights load as they are; VGG and Inception-v3
end in added convolutions that start from their initialisation, as in the WSOL benchmark (Choe et
al., CVPR 2020). A training method whose network ends otherwise has an entry of its own
(`Head.FORMS`).
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.models.resnet import BasicBlock, ResNet

from pipeline.models import inception, timm_specs, timm_trunks, torchvision_trunks, vgg
from pipeline.models.anatomy import Output
from pipeline.models.depthwise import quicken
from pipeline.models.freezing import prefixes_of_stages, within, without_chance
from pipeline.models.hooked_trunks import HookedTrunk


class Trunk(NamedTuple):
    """How to build a trunk and where it ends; names are prefixes of parameter names."""

    build: Callable[..., nn.Module]  # map size, `options` -> network, which may go on after `node`
    node: str  # the module whose output is the feature map; empty if the network gives it itself
    channels: int  # of the feature map
    left_out: tuple[str, ...]  # torchvision's layers that are dropped
    last_block: tuple[str, ...]  # trained at the heads' learning rate
    stages: tuple[tuple[str, ...], ...]  # all layers with weights, from the images on
    added: tuple[str, ...] = ()  # layers that torchvision's network lacks
    classifier: str = ""  # torchvision's linear layer on the mean of the feature map, if it is one
    options: tuple[str, ...] = ()  # keys that `build` takes by name
    outputs: tuple[Output, ...] = ()  # of the stages


def _torchvision(map_size: int, *, name: str) -> nn.Module:
    """torchvision's network without its last strides and poolings (paper, Appendix C)."""
    return torchvision_trunks.build(name, 224 // map_size, dilated=False)


def _squeezenet(map_size: int, *, added_batch_norm: bool = False) -> nn.Module:
    """SqueezeNet 1.0, which has no batch norm; ``added_batch_norm`` puts one before the heads."""
    network = _torchvision(map_size, name="squeezenet1_0")
    if added_batch_norm:
        network.get_submodule("features").add_module("13", nn.BatchNorm2d(512))
    return network


def _resnet_small(map_size: int) -> nn.Module:
    """A ResNet with one basic block per stage that ends after the third, for 28x28 at stride 1.

    1.2 M parameters. The 28x28 maps are 1/8 of the input (14x14 at 112); their receptive field is
    83 pixels (stem 7 + pool 4, stage one 16, stage two 8 + 16, stage three 32).
    """
    network = ResNet(BasicBlock, [1, 1, 1, 1])
    if map_size == 28:
        remove_strides(network.layer3)
    return network


def remove_strides(stage: nn.Module) -> None:
    """Set every convolution of a stage to stride 1, in place."""
    for layer in stage.modules():
        if isinstance(layer, nn.Conv2d):
            layer.stride = (1, 1)


_RESNET_STAGES = (("conv1.", "bn1."), ("layer1.",), ("layer2.",), ("layer3.",), ("layer4.",))

TRUNKS: dict[str, Trunk] = {
    "resnet_small": Trunk(
        build=_resnet_small,
        node="layer3",
        channels=256,
        left_out=("layer4.", "fc."),
        last_block=("layer3.",),
        stages=_RESNET_STAGES[:-1],
    ),
    "resnet18": Trunk(
        build=partial(_torchvision, name="resnet18"),
        node="layer4",
        channels=512,
        left_out=("fc.",),
        last_block=("layer4.",),
        stages=_RESNET_STAGES,
        classifier="fc",
    ),
    "resnet50": Trunk(
        build=partial(_torchvision, name="resnet50"),
        node="layer4",
        channels=2048,
        left_out=("fc.",),
        last_block=("layer4.",),
        stages=_RESNET_STAGES,
        classifier="fc",
    ),
    "vgg16": Trunk(
        build=partial(vgg.vgg16, batch_norm=False),
        node="relu6",
        channels=1024,
        left_out=("classifier.",),
        last_block=vgg.ADDED_LAYERS,
        stages=(*vgg.vgg_blocks(batch_norm=False), vgg.ADDED_LAYERS),
        added=vgg.ADDED_LAYERS,
        options=("added_batch_norm",),
    ),
    "vgg16_bn": Trunk(
        build=partial(vgg.vgg16, batch_norm=True),
        node="relu6",
        channels=1024,
        left_out=("classifier.",),
        last_block=vgg.ADDED_LAYERS,
        stages=(*vgg.vgg_blocks(batch_norm=True), vgg.ADDED_LAYERS),
        added=vgg.ADDED_LAYERS,
        options=("added_batch_norm",),
    ),
    "inception_v3": Trunk(
        build=inception.inception_v3,
        node="dropout3",
        channels=1024,
        left_out=("AuxLogits.", "Mixed_7", "fc."),
        last_block=inception.ADDED_LAYERS,
        stages=(
            ("Conv2d_1a_3x3.", "Conv2d_2a_3x3.", "Conv2d_2b_3x3."),
            ("Conv2d_3b_1x1.", "Conv2d_4a_3x3."),
            ("Mixed_5",),
            ("Mixed_6",),
            inception.ADDED_LAYERS,
        ),
        added=inception.ADDED_LAYERS,
        options=("added_batch_norm", "convert_input"),
    ),
    "squeezenet1_0": Trunk(
        build=_squeezenet,
        node="features",
        channels=512,
        left_out=("classifier.",),
        last_block=(),
        stages=(
            ("features.0.",),
            ("features.3.", "features.4.", "features.5."),
            ("features.7.", "features.8.", "features.9.", "features.10."),
            ("features.12.", "features.13."),
        ),
        added=("features.13.",),
        options=("added_batch_norm",),
    ),
    "convnext_tiny": Trunk(
        build=partial(_torchvision, name="convnext_tiny"),
        node="classifier.0",
        channels=768,
        left_out=("classifier.2.",),
        last_block=("features.6.", "features.7.", "classifier.0."),
        stages=(
            ("features.0.",),
            ("features.1.",),
            ("features.2.", "features.3."),
            ("features.4.", "features.5."),
            ("features.6.", "features.7.", "classifier.0."),
        ),
    ),
}


def trunk_named(name: str, side: int = 224) -> Trunk:
    """How to build a trunk by its name in a config.

    Args:
        name: a key of `TRUNKS`, ``timm:NAME`` or ``torchvision:NAME``.
        side: of the images, pixels, for networks that are built for one size.

    Raises:
        UserError: the library has no such network, or it has no map.
    """
    source, _, network = name.partition(":")
    if not network:
        return TRUNKS[name]
    build: Callable[..., nn.Module]
    spec: timm_specs.TimmSpec | torchvision_trunks.TorchvisionSpec
    if source == "timm":
        spec = timm_specs.spec_of(network, side)
        build, node = partial(timm_trunks.build, network, side), ""
    else:
        spec = torchvision_trunks.spec_of(network)
        build, node = partial(torchvision_trunks.build, network), spec.node
    anatomy = spec.anatomy
    return Trunk(
        build=partial(_of_library, build),
        node=node,
        channels=anatomy.channels,
        left_out=anatomy.left_out,
        last_block=anatomy.stages[-1],
        stages=anatomy.stages,
        classifier=spec.classifier,
        options=("dilation",),
        outputs=anatomy.outputs,
    )


def _of_library(
    build: Callable[..., nn.Module], map_size: int | str, dilation: bool = False
) -> nn.Module:
    stride = None if isinstance(map_size, str) else 224 // map_size
    return build(stride, dilated=dilation)


def build_trunk(
    trunk: str | Trunk,
    map_size: int | str = 28,
    places: Iterable[str] = (),
    *,
    dropout: bool = True,
    frozen_stages: int = 0,
    **options: bool,
) -> nn.Module:
    """The feature extractor of ``trunk``, with random weights.

    Args:
        trunk: a name, or an entry of its own.
        map_size: the nominal side h = w of the map for S = 224; ``"native"``: the network's own.
        places: further modules of the network whose output is returned under their names.
        dropout: keep the network's own.
        frozen_stages: this many of the first stages get no gradient and draw nothing at random;
            `pipeline.models.freezing.hold_still` keeps their batch norm in evaluation mode.
        options: of `Trunk.options`; those that this trunk lacks are ignored.

    Returns:
        a module: images (B, 3, S, S) -> {"features": (B, channels, h, w)} and the places.

    Raises:
        UserError: the trunk has fewer stages.
    """
    trunk = trunk_named(trunk) if isinstance(trunk, str) else trunk
    frozen = prefixes_of_stages(trunk.stages, frozen_stages)
    network = trunk.build(map_size, **{k: v for k, v in options.items() if k in trunk.options})
    without_chance(network, frozen, dropout=dropout)
    inner = {place: place for place in places if place != "features"}
    if isinstance(network, HookedTrunk):
        layouts = {output.module: output.layout for output in trunk.outputs}
        network.places = {place: layouts[place] for place in inner}
        extractor: nn.Module = network
    else:
        extractor = create_feature_extractor(network, {trunk.node: "features", **inner})
    for name, parameter in extractor.named_parameters():
        parameter.requires_grad_(not within(name, frozen))
    quicken(extractor)
    return extractor
