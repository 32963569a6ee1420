"""Attention-based Dropout Layer (Choe and Shim, CVPR 2019), in training only.

At some places of the trunk, the mean size over channels is the attention. A mini-batch either loses
its features where the attention is high, so that less discriminative regions must do, or has them
weighted by the attention's sigmoid. At test the trunk is CAM's.
"""

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.models.heads import CamHead
from pipeline.models.methods.altered import altered
from pipeline.models.places import attention_places
from pipeline.settings import Training
from pipeline.settings.base import Fraction, Section

PLACES = {
    "vgg16": {"features.16": 256, "features.22": 512, "features.29": 512},  # pool3, 4_3, 5_3
    "vgg16_bn": {"features.23": 256, "features.32": 512, "features.42": 512},
    "resnet50": {"layer3.0": 1024, "layer4.0": 2048, "features": 2048},
    "resnet18": {"layer3.0": 256, "layer4.0": 512, "features": 512},
    "resnet_small": {"layer2": 128, "features": 256},  # its last two blocks
    "inception_v3": {"Mixed_5d": 288, "Mixed_6e": 768, "relu2": 1024},
    "squeezenet1_0": {"features.6": 256, "features.10": 512, "features": 512},  # as VGG
    "convnext_tiny": {"features.3": 192, "features.5": 384, "features": 768},  # ends of stages
}


class AdlOptions(Section):
    """Attention-based Dropout Layer (Choe and Shim, CVPR 2019)."""

    drop_rate: Fraction = Field(
        0.75, description="probability that a mini-batch is masked; else it is weighted"
    )
    threshold: Fraction = Field(
        0.9, description="features are dropped where the attention is at least this, relative to "
        "its maximum",
    )  # fmt: skip


class AttentionHead(CamHead):
    """CAM, trained with attention at places of the trunk, and without its dropout."""

    find_places = staticmethod(attention_places)
    PLACES = PLACES
    dropout = False


class Adl(AttentionHead):
    """CAM, trained with dropout by attention instead of the trunk's own dropout."""

    def __init__(
        self, channels: int, outputs: int, training: Training, places: Mapping[str, int]
    ) -> None:
        super().__init__(channels, outputs, training, places)
        self.options = training.own(AdlOptions)

    def training_step(
        self, trunk: nn.Module, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """CAM's step with features dropped, see `pipeline.models.heads.Head`."""
        changes = dict.fromkeys(self.places, self.dropped)
        maps = self(altered(trunk, images, changes)["features"])
        return maps, self.loss(maps, labels)

    def dropped(self, features: Tensor) -> Tensor:
        """Mask or weight features, by one coin per mini-batch: (B, channels, h, w) -> the same."""
        # the size of features that may be negative; the mean itself behind a ReLU, as in the paper
        attention = features.abs().mean(dim=1, keepdim=True)  # (B, 1, h, w)
        if torch.rand(()) < self.options.drop_rate:
            peak = attention.amax(dim=(2, 3), keepdim=True)
            return features * (attention < self.options.threshold * peak)
        return features * torch.sigmoid(attention)
