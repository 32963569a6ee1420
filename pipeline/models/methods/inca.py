"""In-sample contrastive attention, after Ki et al., ACCV 2020 (arXiv 2009.12063), as we read it.

No code of the authors was found, and this is built from the paper's abstract alone, so its numbers
say little about theirs. What the abstract names, and what is made of it here:

- non-local attention instead of the mean over channels: `NonLocalAttention`, at ADL's places, in
  training alone. Its map, stretched to [0, 1] image by image, divides the locations into background
  (below ``low``), the most discriminative region (at least ``high``) and the rest of the object;
- the background is dropped as well as the most discriminative region: as in ADL, one coin per
  mini-batch and place decides between this mask and the sigmoid of the attention;
- contrastive attention: the feature of the object without its most discriminative region is to be
  nearer to that of the whole object than to that of the background (triplet loss of cosine
  distances), at each place;
- foreground consistency: each earlier place's attention is to be the last one's (mean squared
  error, the last one without gradient).
"""

from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from pipeline.images.scaling import minmax
from pipeline.models.methods.adl import AttentionHead
from pipeline.models.methods.altered import altered
from pipeline.settings import Training
from pipeline.settings.base import Fraction, Section

REDUCTION = 8  # of the channels that are compared
MARGIN = 0.5  # of the triplet loss; cosine distances are in [0, 2]


class NonLocalAttention(nn.Module):
    """One channel of a non-local block (Wang et al., CVPR 2018), which starts as a channel mean.

    The attention of a location is its own value plus the mean of all locations' values, weighted
    by how much their features are alike. No layer has a bias: stretching takes most of it away.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // REDUCTION
        self.query = nn.Conv2d(channels, inner, kernel_size=1, bias=False)
        self.key = nn.Conv2d(channels, inner, kernel_size=1, bias=False)
        self.value = nn.Conv2d(channels, 1, kernel_size=1, bias=False)
        nn.init.constant_(self.value.weight, 1 / channels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, h, w) -> attention (B, 1, h, w), float32, any real numbers."""
        query, key, value = (
            layer(features).flatten(2).transpose(1, 2)  # (B, hw, inner), value (B, hw, 1)
            for layer in (self.query, self.key, self.value)
        )
        attention = value + F.scaled_dot_product_attention(query, key, value)
        return attention.transpose(1, 2).unflatten(2, features.shape[2:]).float()


class Seen(NamedTuple):
    """A place in one pass: features (B, channels, h, w) and stretched attention (B, 1, h, w)."""

    features: Tensor
    attention: Tensor


class IncaOptions(Section):
    """In-sample Contrastive Attention (Ki et al., ACCV 2020), as interpreted here."""

    drop_rate: Fraction = Field(
        0.75, description="probability that a mini-batch is masked; else it is weighted"
    )
    low: Fraction = Field(
        0.2, description="background: attention below this, relative to its range"
    )
    high: Fraction = Field(
        0.9,
        description="most discriminative region: attention of at least this, relative to its range",
    )
    contrast: Annotated[float, Field(ge=0)] = Field(
        1.0, description="weight of the contrastive attention loss"
    )
    consistency: Annotated[float, Field(ge=0)] = Field(
        1.0, description="weight of the foreground consistency loss"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "IncaOptions":
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Inca(AttentionHead):
    """CAM, trained with non-local attention at ADL's places of the trunk."""

    def __init__(
        self, channels: int, outputs: int, training: Training, places: Mapping[str, int]
    ) -> None:
        super().__init__(channels, outputs, training, places)
        self.options = training.own(IncaOptions)
        self.attention = nn.ModuleList(map(NonLocalAttention, self.places.values()))

    def training_step(
        self, trunk: nn.Module, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy and both attention losses, see `pipeline.models.heads.Head`."""
        seen: list[Seen] = []

        def change_by(attention: nn.Module) -> Callable[[Tensor], Tensor]:
            def change(features: Tensor) -> Tensor:
                raw = attention(features)
                seen.append(Seen(features, minmax(raw)))
                return self.dropped(features, raw, seen[-1].attention)

            return change

        changes = dict(zip(self.places, map(change_by, self.attention), strict=True))
        maps = self(altered(trunk, images, changes)["features"])
        contrast = sum(
            (contrastive_loss(*place, self.options.low, self.options.high) for place in seen),
            start=maps.new_zeros(()),
        )
        consistency = consistency_loss([place.attention for place in seen])
        return maps, (
            self.loss(maps, labels)
            + self.options.contrast * contrast / len(seen)
            + self.options.consistency * consistency
        )

    def dropped(self, features: Tensor, raw: Tensor, attention: Tensor) -> Tensor:
        """Mask or weight features, by one coin per mini-batch.

        Args:
            features: (B, channels, h, w).
            raw: (B, 1, h, w), the attention.
            attention: (B, 1, h, w), the same stretched to [0, 1].

        Returns:
            (B, channels, h, w).
        """
        if torch.rand(()) < self.options.drop_rate:
            kept = (attention >= self.options.low) & (attention < self.options.high)
            return features * kept
        return features * torch.sigmoid(raw)


def contrastive_loss(features: Tensor, attention: Tensor, low: float, high: float) -> Tensor:
    """How much nearer the dropped object is to the background than to the object, plus a margin.

    Args:
        features: (B, channels, h, w).
        attention: (B, 1, h, w) in [0, 1], a location's weight in the object; the rest to 1 is its
            weight in the background.
        low: the background is below it.
        high: the dropped object is below it, and not background.

    Returns:
        scalar, at least 0, mean over the batch.
    """
    background = attention < low
    whole = pooled(features, attention * ~background)
    rest = pooled(features, attention * (~background & (attention < high)))
    outside = pooled(features, (1 - attention) * background)
    return F.triplet_margin_with_distance_loss(
        rest, whole, outside, distance_function=cosine_distance, margin=MARGIN
    )


def pooled(features: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean feature, zero without weights: (B, ch, h, w), (B, 1, h, w) -> (B, ch)."""
    total = weights.sum(dim=(2, 3))
    return (features * weights).sum(dim=(2, 3)) / torch.where(total > 0, total, 1)


def cosine_distance(first: Tensor, second: Tensor) -> Tensor:
    """One minus the cosine, in [0, 2]: (B, channels) twice -> (B,)."""
    return 1 - F.cosine_similarity(first, second, dim=1)


def consistency_loss(attention: list[Tensor]) -> Tensor:
    """Mean squared distance of the earlier places' attention from the last one's.

    Args:
        attention: of at least two places, from the first to the last, each (B, 1, h, w).
    """
    *earlier, last = attention
    distances = [
        F.mse_loss(
            each,
            F.interpolate(last.detach(), each.shape[2:], mode="bilinear", align_corners=False),
        )
        for each in earlier
    ]
    return sum(distances, start=last.new_zeros(())) / len(distances)
