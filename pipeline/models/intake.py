"""How a network from elsewhere wants its images, made from those that all models of a study share.

Images of a study are normalised by ImageNet's mean and deviation, at the size at which they are
stored. A network that was trained otherwise gets them converted inside its model, so that methods
and metrics see the same images whatever the network: zero is ImageNet's mean colour, and a map at
the input's resolution has the stored size.
"""

from pathlib import Path
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.images.batches import MEAN, STD
from pipeline.models.networks import entry_of, is_library
from pipeline.models.normalisation import from_imagenet

Colour = tuple[float, float, float]


class Wanted(NamedTuple):
    """What a network takes.

    Attributes:
        mean, std: of its normalisation, of red, green and blue in [0, 1].
        side: of its square images, pixels; None: as they are stored.
    """

    mean: Colour = MEAN
    std: Colour = STD
    side: int | None = None


class Intake(nn.Module):
    """Images of a study (B, 3, S, S) -> the same as a network takes them."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__()
        self.side = wanted.side
        self.colours = from_imagenet(wanted.mean, wanted.std)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, S, S) -> (B, 3, side, side), each in its own normalisation."""
        images = self.colours(images)
        if self.side is None or images.shape[2:] == (self.side, self.side):
            return images
        size = (self.side, self.side)
        return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def wanted_by(spec: str, network: nn.Module, weights: str | Path | None = None) -> Wanted:
    """What the library's own description of a network says; ImageNet's values for others.

    timm keeps it with the network (``pretrained_cfg``), torchvision with each of its published
    weights: with those that ``weights`` names, or else its default ones. A torchvision ViT takes
    images of the one size that it is built for.
    """
    source, _, name = spec.partition(":")
    if not is_library(spec):
        return Wanted()
    if source == "timm":
        about = getattr(network, "pretrained_cfg", {})
        side = about.get("input_size", (3, None))[-1]
        return Wanted(tuple(about.get("mean", MEAN)), tuple(about.get("std", STD)), side)
    named = str(weights) if str(weights).partition(":")[0] == source else source
    transforms = entry_of(name, named).transforms()
    side = int(getattr(network, "image_size", transforms.crop_size[0]))
    return Wanted(tuple(transforms.mean), tuple(transforms.std), side)
