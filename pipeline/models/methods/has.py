"""Hide-and-Seek (Singh and Lee, ICCV 2017): random squares of the training images are hidden.

What is hidden becomes zero, the mean colour of normalised images. The map is CAM's.
"""

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.models.heads import CamHead
from pipeline.settings import Training
from pipeline.settings.base import Count, Fraction, Section


class HasOptions(Section):
    """Hide-and-Seek (Singh and Lee, ICCV 2017)."""

    grid_size: Count = Field(4, description="side of the squares that are hidden, pixels")
    drop_rate: Fraction = Field(0.5, description="probability that a square is hidden")


class Has(CamHead):
    """CAM, trained on images with hidden squares."""

    def __init__(
        self, channels: int, outputs: int, training: Training, places: Mapping[str, int]
    ) -> None:
        super().__init__(channels, outputs, training, places)
        self.options = training.own(HasOptions)

    def training_step(
        self, trunk: nn.Module, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """CAM's step on images with hidden squares, see `pipeline.models.heads.Head`."""
        images = hidden(images, self.options.grid_size, self.options.drop_rate)
        return super().training_step(trunk, images, labels)


def hidden(images: Tensor, grid_size: int, drop_rate: float) -> Tensor:
    """Set squares of a grid to zero, each of each image with the same probability.

    Args:
        images: (B, 3, H, W) normalised.
        grid_size: side of the squares, pixels; the last row and column may be cut.
        drop_rate: the probability.

    Returns:
        (B, 3, H, W).
    """
    height, width = images.shape[2:]
    rows, columns = -(-height // grid_size), -(-width // grid_size)
    # drawn on the CPU, so that a seed hides the same squares on every device
    kept = torch.rand(len(images), 1, rows, columns) >= drop_rate
    kept = kept.repeat_interleave(grid_size, 2).repeat_interleave(grid_size, 3)
    return images * kept[:, :, :height, :width].to(images.device)
