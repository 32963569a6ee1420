"""Adversarial Complementary Learning (Zhang et al., CVPR 2018): two heads, one after the other.

The second head, B, sees the features without what the first, A, finds for the class, and so must
find the rest of the object. The prediction is A's; the map of a class is the larger of both heads'
maps at each location, each stretched to [0, 1].

B's features are erased for one class, in training the true one. At test it is the class whose map
is asked for. The sum over a superset (CAM + Y) would need B once per class; it uses only A's maps.
"""

from collections.abc import Mapping
from functools import partial

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.images.scaling import minmax
from pipeline.models import inception, vgg
from pipeline.models.heads import CamHead, pointwise
from pipeline.models.methods.layers import rectified
from pipeline.models.trunks import TRUNKS, Trunk
from pipeline.settings import Training
from pipeline.settings.base import Fraction, Section

WIDTH = 1024  # channels inside the heads


def _vgg16(name: str, *, batch_norm: bool) -> Trunk:
    trunk = TRUNKS[name]
    return trunk._replace(
        build=partial(vgg.vgg16_of_acol, batch_norm=batch_norm),
        node="average",
        channels=512,
        left_out=(*trunk.left_out, *vgg.ADDED_LAYERS),
        last_block=(),
        stages=trunk.stages[:-1],
        added=(),
        options=(),
    )


# As in the benchmark, the heads' own convolutions take the place of those that CAM's trunk adds
_INCEPTION = TRUNKS["inception_v3"]
FORMS = {
    "vgg16": _vgg16("vgg16", batch_norm=False),
    "vgg16_bn": _vgg16("vgg16_bn", batch_norm=True),
    "inception_v3": _INCEPTION._replace(
        node="Mixed_6e",
        channels=768,
        left_out=(*_INCEPTION.left_out, *inception.ADDED_LAYERS),
        last_block=(),
        stages=_INCEPTION.stages[:-1],
        added=(),
    ),
}


class AcolOptions(Section):
    """Adversarial Complementary Learning (Zhang et al., CVPR 2018)."""

    threshold: Fraction = Field(
        0.7, description="features are erased for the second head where the first head's map is "
        "at least this, relative to the map's range",
    )  # fmt: skip


class Acol(CamHead):
    """Two heads of two 3x3 convolutions with ReLU and a class branch each."""

    FORMS = FORMS

    def __init__(
        self, channels: int, outputs: int, training: Training, places: Mapping[str, int]
    ) -> None:
        super().__init__(WIDTH, outputs, training, places)  # A's class branch
        self.first = _convolutions(channels)
        self.second = nn.Sequential(
            _convolutions(channels), pointwise(WIDTH, outputs, training.class_init_scale)
        )
        self.threshold = training.own(AcolOptions).threshold

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, channels, h, w) -> the activations of head A (B, C, h, w)."""
        return super().forward(self.first(features))

    def training_step(
        self, trunk: nn.Module, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Both heads' cross-entropies; the maps are A's, see `pipeline.models.heads.Head`."""
        features = trunk(images)["features"]
        maps = self(features)
        rows = torch.arange(len(labels), device=labels.device)
        complement = self.complement(features, maps[rows, labels])
        return maps, self.loss(maps, labels) + self.loss(complement, labels)

    def complement(self, features: Tensor, found: Tensor) -> Tensor:
        """The activations of head B on features from which A's finding is erased.

        Args:
            features: (B, channels, h, w).
            found: (B, h, w), A's activations of one class per image.

        Returns:
            (B, C, h, w).
        """
        kept = minmax(found.detach()) < self.threshold  # (B, h, w)
        return self.second(features * kept[:, None]).float()

    def class_maps(
        self, trunk: nn.Module, inputs: Tensor, maps: Tensor, images: Tensor, labels: Tensor
    ) -> Tensor:
        """The larger of both heads' maps, in [0, 1], see `pipeline.models.heads.Head`."""
        features = trunk(inputs)["features"]
        fused = []
        # an image may be asked for several classes: no more features at once than it has images
        requests = zip(images.split(len(inputs)), labels.split(len(inputs)), strict=True)
        for rows, classes in requests:
            found = maps[rows, classes]
            complement = self.complement(features[rows], found)
            rest = complement[torch.arange(len(rows), device=rows.device), classes]
            fused.append(torch.maximum(minmax(found), minmax(rest)))
        return torch.cat(fused)


def _convolutions(channels: int) -> nn.Sequential:
    return nn.Sequential(rectified(channels, WIDTH), rectified(WIDTH, WIDTH))
