"""Self-produced Guidance (Zhang et al., ECCV 2018): side heads that learn masks from each other.

The class map gives the target of side head B2, B2's mask that of B1, an earlier one, and both that
of C, the last. A target is background where its guide is low, foreground where it is high, and
says nothing between. The side heads shape the trunk in training; the map is that of the class
branch.
"""

from collections.abc import Mapping
from functools import partial

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from pipeline.images.scaling import minmax
from pipeline.models import vgg
from pipeline.models.heads import CamHead, pointwise
from pipeline.models.methods.layers import rectified
from pipeline.models.places import guiding_places
from pipeline.models.trunks import TRUNKS, Trunk
from pipeline.settings import Training
from pipeline.settings.base import Fraction, Section

PLACES = {  # of B1 and of B2
    "vgg16": {"features.23": 512, "features.29": 512},  # after pool4 or what replaces it, and 5_3
    "vgg16_bn": {"features.33": 512, "features.42": 512},
    "resnet50": {"layer3.0": 1024, "layer3": 1024},
    "resnet18": {"layer3.0": 256, "layer3": 256},
    "resnet_small": {"layer1": 64, "layer2": 128},  # one block per stage
    "inception_v3": {"maxpool3": 288, "Mixed_6d": 768},
    "squeezenet1_0": {"features.6": 256, "features.11": 512},  # as VGG, after poolings
    "convnext_tiny": {"features.4": 384, "features.5": 384},  # stage 3: before and after its blocks
}
WIDTH = 512  # channels inside the side heads; more in B1 and B2 where both places have more
FEWEST = 30  # foreground pixels, else the threshold is lowered ...
LOWERED = 0.7  # ... to this part of the guide's maximum


def _vgg16(name: str, *, batch_norm: bool) -> Trunk:
    """Two convolutions of 512 channels instead of CAM's one of 1024, as in the benchmark."""
    trunk = TRUNKS[name]
    return trunk._replace(
        build=partial(vgg.vgg16_of_spg, batch_norm=batch_norm),
        node="relu6b",
        channels=512,
        left_out=(*trunk.left_out, *vgg.ADDED_LAYERS),
        last_block=vgg.SPG_LAYERS,
        stages=(*trunk.stages[:-1], vgg.SPG_LAYERS),
        added=vgg.SPG_LAYERS,
    )


FORMS = {
    "vgg16": _vgg16("vgg16", batch_norm=False),
    "vgg16_bn": _vgg16("vgg16_bn", batch_norm=True),
}


class SpgOptions(Section):
    """Self-produced Guidance (Zhang et al., ECCV 2018): thresholds of each side head's target."""

    b1_low: Fraction = Field(0.05, description="background of head B1: below this, from B2")
    b1_high: Fraction = Field(0.5, description="foreground of head B1: above this")
    b2_low: Fraction = Field(0.01, description="background of head B2: below this, from the map")
    b2_high: Fraction = Field(0.7, description="foreground of head B2: above this")
    c_low: Fraction = Field(0.1, description="background of head C: below this, from B1 and B2")
    c_high: Fraction = Field(0.7, description="foreground of head C: above this")

    @model_validator(mode="after")
    def _ordered(self) -> "SpgOptions":
        for head in ("b1", "b2", "c"):
            if getattr(self, f"{head}_low") > getattr(self, f"{head}_high"):
                raise ValueError(f"{head}_low is above {head}_high")
        return self


class Spg(CamHead):
    """CAM's head and the side heads B1, B2, C; B1 and B2 share their last two layers."""

    find_places = staticmethod(guiding_places)
    PLACES = PLACES
    FORMS = FORMS

    def __init__(
        self, channels: int, outputs: int, training: Training, places: Mapping[str, int]
    ) -> None:
        super().__init__(channels, outputs, training, places)
        self.options = training.own(SpgOptions)
        width = max(WIDTH, min(self.places.values()))  # 1024 on ResNet50, else 512
        self.b1, self.b2 = (rectified(inputs, width) for inputs in self.places.values())
        self.shared = nn.Sequential(rectified(width, width), pointwise(width, 1, 1.0))
        self.c = nn.Sequential(rectified(channels, WIDTH), pointwise(WIDTH, 1, 1.0))

    def training_step(
        self, trunk: nn.Module, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy and the side heads' losses, see `pipeline.models.heads.Head`."""
        outputs = trunk(images)
        maps = self(outputs["features"])
        early, late = (outputs[place] for place in self.places)
        side = images.shape[-1]
        b1, b2, c = (
            resized(logits.float(), side)[:, 0]  # (B, S, S)
            for logits in (
                self.shared(self.b1(early)),
                self.shared(self.b2(late)),
                self.c(outputs["features"]),
            )
        )
        rows = torch.arange(len(labels), device=labels.device)
        attention = minmax(resized(maps[rows, labels, None].detach(), side)[:, 0])
        masks = [logits.detach().sigmoid() for logits in (b1, b2)]
        bars = self.options
        guided = (
            (b2, attention, bars.b2_low, bars.b2_high),
            (b1, masks[1], bars.b1_low, bars.b1_high),
            (c, (masks[0] + masks[1]) / 2, bars.c_low, bars.c_high),
        )
        return maps, self.loss(maps, labels) + sum(guided_loss(*head) for head in guided)


def guided_loss(logits: Tensor, guide: Tensor, low: float, high: float) -> Tensor:
    """Binary cross-entropy against what a guide is sure of (scalar, nats).

    Args:
        logits: (B, S, S) of the foreground.
        guide: (B, S, S) in [0, 1], without gradient.
        low: below it is background.
        high: above it is foreground.

    Returns:
        the mean over foreground and background pixels of the batch; 0 if there are none.
    """
    foreground, background = sure(guide, low, high)
    losses = F.binary_cross_entropy_with_logits(logits, foreground.float(), reduction="none")
    counted = foreground | background
    return (losses * counted).sum() / counted.sum().clamp_min(1)


def sure(guide: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Foreground and background of a guide (B, S, S): two bool (B, S, S) without overlap.

    An image with fewer than ``FEWEST`` pixels above ``high`` has the bar at ``LOWERED`` times its
    maximum instead. Where that is below ``low`` too, background wins, as in the benchmark.
    """
    few = (guide > high).sum(dim=(1, 2), keepdim=True) < FEWEST
    lowered = LOWERED * guide.amax(dim=(1, 2), keepdim=True)
    background = guide < low
    return (guide > torch.where(few, lowered, high)) & ~background, background


def resized(maps: Tensor, side: int) -> Tensor:
    """Maps (B, 1, h, w) resized bilinearly: (B, 1, side, side)."""
    return F.interpolate(maps, (side, side), mode="bilinear", align_corners=False)
