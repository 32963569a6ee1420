"""CutMix (Yun et al., ICCV 2019): a rectangle of each training image is another image's.

The loss mixes both images' labels by area. The map is CAM's.
"""

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.models.heads import CamHead
from pipeline.settings import Training
from pipeline.settings.base import Fraction, Positive, Section


class CutmixOptions(Section):
    """CutMix (Yun et al., ICCV 2019)."""

    probability: Fraction = Field(1.0, description="probability that a mini-batch is mixed")
    beta: Positive = Field(
        1.0, description="the image's own share of the mixture is drawn from Beta(beta, beta)"
    )


class Cutmix(CamHead):
    """CAM, trained on images that are put together from two."""

    def __init__(
        self, channels: int, outputs: int, training: Training, places: Mapping[str, int]
    ) -> None:
        super().__init__(channels, outputs, training, places)
        self.options = training.own(CutmixOptions)

    def training_step(
        self, trunk: nn.Module, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """CAM's step on mixed images and labels, see `pipeline.models.heads.Head`."""
        if torch.rand(()) >= self.options.probability:
            return super().training_step(trunk, images, labels)
        # drawn on the CPU, so that a seed mixes the same on every device
        share = torch.distributions.Beta(self.options.beta, self.options.beta).sample().item()
        height, width = images.shape[2:]
        centre = int(torch.randint(height, ())), int(torch.randint(width, ()))
        others = torch.randperm(len(images)).to(images.device)
        rows, columns = rectangle(height, width, share, centre)
        maps = self(trunk(mixed(images, others, rows, columns))["features"])
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        pasted = area / (height * width)
        own, other = self.loss(maps, labels), self.loss(maps, labels[others])
        return maps, (1 - pasted) * own + pasted * other


def rectangle(
    height: int, width: int, share: float, centre: tuple[int, int]
) -> tuple[slice, slice]:
    """The rows and columns that another image replaces.

    Args:
        height, width: of the images, pixels.
        share: of the own image that should remain, in [0, 1]; more does where the rectangle, which
            has the image's proportions, goes beyond the border.
        centre: row and column, pixels.
    """
    half = (1 - share) ** 0.5 / 2
    rows, columns = (
        slice(max(middle - round(half * side), 0), min(middle + round(half * side), side))
        for middle, side in zip(centre, (height, width), strict=True)
    )
    return rows, columns


def mixed(images: Tensor, others: Tensor, rows: slice, columns: slice) -> Tensor:
    """Images (B, 3, H, W) with a rectangle from those at ``others`` (B,): (B, 3, H, W)."""
    images = images.clone()
    images[:, :, rows, columns] = images[others][:, :, rows, columns]
    return images
