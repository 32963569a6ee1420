"""From the images of a study to those that a network was trained on.

Every stage speaks of images normalised by ImageNet's mean and deviation: erasing, noise and black
then mean the same for all models of a study. A network that was trained on images normalised
otherwise converts them as its first step, before any padding.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.images.batches import MEAN, STD

# Networks of torchvision whose published weights take images in [-1, 1], which the networks make
# themselves of ImageNet's, but only where `transform_input` is given or torchvision loads them
CONVERTING = ("googlenet", "inception_v3")
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")  # in their files: classifiers for training alone
TO_ONE = (0.5, 0.5, 0.5)  # as mean and as deviation: images in [-1, 1]


class FromImageNet(nn.Module):
    """From images normalised by ImageNet's mean and deviation to others of [0, 1] pixels.

    Args:
        mean, std: of the three channels, for pixels in [0, 1].
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.factors = [own / wanted for own, wanted in zip(STD, std, strict=True)]
        self.shifts = [
            (own - wanted) / deviation
            for own, wanted, deviation in zip(MEAN, mean, std, strict=True)
        ]

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, 3, S, S)."""
        channels = [
            images[:, index : index + 1] * factor + shift
            for index, (factor, shift) in enumerate(zip(self.factors, self.shifts, strict=True))
        ]
        return torch.cat(channels, dim=1)


def from_imagenet(mean: Sequence[float], std: Sequence[float]) -> nn.Module:
    """The conversion to a network's own images; none where they are normalised as ours are."""
    if tuple(mean) == MEAN and tuple(std) == STD:
        return nn.Identity()
    return FromImageNet(mean, std)
