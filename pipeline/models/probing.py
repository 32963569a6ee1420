"""Trying a network from elsewhere on images of noise: does it give logits, for each image alone?"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pipeline.images.batches import MEAN, STD
from pipeline.runtime.errors import UserError

_SAME = 1e-3  # relative; results of other batch sizes differ by rounding
_FORM = "images (B, 3, H, W) -> logits (B, C)"


def probe(side: int, count: int = 2) -> Tensor:
    """Noise as images of a study: pixels in [0, 1], normalised by ImageNet's mean and deviation.

    Args:
        side: S, pixels.
        count: B, of images.

    Returns:
        (B, 3, S, S), always the same.
    """
    pixels = torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    return (pixels - mean) / std


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """What a network gives for images (B, 3, S, S), checked to be logits (B, C).

    Raises:
        UserError: it fails, or gives something else.
    """
    name = type(network).__name__
    found: object = _given_by(network, images)
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(images):
        shape = tuple(found.shape) if isinstance(found, Tensor) else _described(found)
        raise UserError(
            f"The network {name} gives {shape} for {len(images)} images. Give a classifier: "
            f"{_FORM}, such as a module of your own whose `forward` picks the logits out of what "
            "this one gives."
        )
    if found.isnan().any():
        raise UserError(
            f"The network {name} gives NaN for images of noise. Look for NaN among its weights, "
            "and for logarithms or roots of negative numbers."
        )
    sums = found.sum(dim=1)
    if found.shape[1] > 1 and bool((found >= 0).all()) and bool(((sums - 1).abs() < 1e-4).all()):
        raise UserError(
            f"The network {name} gives probabilities: what it gives for an image sums to 1. Give "
            "the logits, before the softmax; of probabilities a second softmax would be taken."
        )
    return found


def check_alone(network: nn.Module, images: Tensor) -> None:
    """Check that what a network gives for an image depends on nothing but this image.

    Args:
        network: images (B, 3, S, S) -> logits (B, C).
        images: two or more.

    Raises:
        UserError: it draws at random, or other images of a batch matter.
    """
    name, found = type(network).__name__, _given_by(network, images)
    if not _same(_given_by(network, images), found):
        raise UserError(
            f"The network {name} gives other logits when it is asked again for the same images: "
            "something in it draws at random, such as F.dropout without `training=self.training`. "
            "Switch it off in evaluation mode."
        )
    if not _same(_given_by(network, images[:1]), found[:1]):
        raise UserError(
            f"The network {name} gives other logits for an image alone than in a batch: a layer "
            "takes statistics of the batch even in evaluation mode, such as a batch norm with "
            "`track_running_stats=False`. Its prediction for an image is not defined."
        )


def _given_by(network: nn.Module, images: Tensor) -> Tensor:
    try:
        with torch.no_grad():
            found: Tensor = network(images.clone())  # it may write into its images
    except Exception as error:  # the user's code may raise anything
        raise UserError(
            f"The network {type(network).__name__} fails on images {tuple(images.shape)}: "
            f"{type(error).__name__}: {error}. Give a classifier: {_FORM}; `size`, `mean` and "
            "`std` decide what images it is given."
        ) from error
    return found


def _described(found: object) -> str:
    """What a network gives that is no tensor, in a few words."""
    kind = type(found).__name__
    if isinstance(found, Mapping):
        return f"{kind} with {', '.join(map(str, found))}"
    return f"{kind} of {len(found)}" if isinstance(found, tuple | list) else kind


def _same(one: Tensor, other: Tensor) -> bool:
    scale = other.abs().max().clamp_min(1e-6)
    return one.shape == other.shape and bool((one - other).abs().max() <= _SAME * scale)
