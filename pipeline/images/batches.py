"""Batches of images, and the colours that networks take."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

from pipeline.artefacts.shard_members import JPEG, check_size, picture

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, which pretrained trunks expect
STD = (0.229, 0.224, 0.225)


class Batch(NamedTuple):
    """Images (B, 3, S, S) float32, normalised; labels (B,) int64; image_ids, B of them."""

    images: Tensor
    labels: Tensor
    image_ids: list[str]


def decoded(encoded: bytes, side: int) -> Tensor:
    """A stored image's pixels, uint8 RGB (3, side, side).

    A PNG is decoded by Pillow, which gives the same pixels: torchvision's decoder brings the whole
    process down at some that are damaged.

    Raises:
        ValueError, RuntimeError: it is no JPEG or PNG of this size.
        MemoryError: there is not enough.
    """
    if not encoded.startswith(JPEG):
        return torch.from_numpy(picture(encoded, side)).permute(2, 0, 1)
    check_size(encoded, side)
    return decode_image(torch.frombuffer(bytearray(encoded), dtype=torch.uint8), ImageReadMode.RGB)


def normalise(images: Tensor) -> Tensor:
    """uint8 (..., 3, H, W) -> float32 with ImageNet's mean 0 and standard deviation 1."""
    scaled = images.to(torch.float32, memory_format=torch.contiguous_format)
    return scaled.mul_(_per_channel([1 / (255 * s) for s in STD], images)).sub_(
        _per_channel([m / s for m, s in zip(MEAN, STD, strict=True)], images)
    )


def denormalise(images: Tensor) -> Tensor:
    """The inverse of :func:`normalise`, for figures: float (..., 3, H, W) -> uint8."""
    scaled = images * _per_channel(STD, images) + _per_channel(MEAN, images)
    return scaled.mul(255).round().clamp(0, 255).to(torch.uint8)


def _per_channel(values: Sequence[float], like: Tensor) -> Tensor:
    """(3,) -> (3, 1, 1), float32, on the images' device."""
    return torch.tensor(values, dtype=torch.float32, device=like.device)[:, None, None]
