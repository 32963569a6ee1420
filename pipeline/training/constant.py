"""The best constant prediction: what a model must beat to have learnt anything.

It looks at no image. It has from the training split how often each class or attribute occurs,
and predicts exactly that for every image of val.
"""

import logging
import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.models.classifier import Classifier

log = logging.getLogger(__name__)


class Constant(NamedTuple):
    """How good the best constant prediction is on val.

    Attributes:
        loss: nats, mean over images, comparable with a model's ``val_loss``.
        accuracy: fraction of the images that it predicts right; of attributes, a mean over them.
        accuracy_error: standard error of that for the number of val images.
    """

    loss: float
    accuracy: float
    accuracy_error: float


def rates(train: Tensor, classes: int) -> Tensor:
    """How often each class or attribute occurs in the training split.

    Args:
        train: (N,) int64 class indices, or (N, A) attributes in {0, 1}.
        classes: number of classes; not read for attributes.

    Returns:
        (classes,) or (A,), float64 in [0, 1].
    """
    if train.ndim == 2:
        return train.double().mean(dim=0)
    return torch.bincount(train, minlength=classes).double() / len(train)


def seen(rates: Tensor, images: int) -> Tensor:
    """Rates of which none is below that of half an image, so that each has a finite logarithm."""
    return rates.clamp_min(0.5 / images)


def log_odds(train: Tensor) -> Tensor:
    """Log odds (A,) of attributes (N, A) in {0, 1}; one that never changes has half an image."""
    least = 0.5 / len(train)
    return torch.logit(rates(train, 0).clamp(least, 1 - least)).float()


@torch.inference_mode()
def spread(model: Classifier, side: int) -> int:
    """Over how many locations of its map a constant prediction of this model is spread.

    A loss that holds the entropy of the location, as EM's (Eq. 6), adds log(h w) for a map that is
    the same everywhere. Of any other loss: 1.

    Args:
        model: on the CPU; it is in evaluation mode afterwards.
        side: of the val images, pixels.
    """
    if not model.head.location_in_loss:
        return 1
    return model.eval()(torch.zeros(1, 3, side, side))[0, 0].numel()


def best_constant(
    targets: Mapping[str, Tensor], classes: int, locations: int = 1
) -> Constant | None:
    """The best constant prediction of the training split, measured on val.

    Args:
        targets: ``train`` and ``val``: (N,) int64 class indices, or (N, A) attributes in {0, 1}.
        classes: number of classes; not read for attributes.
        locations: of :func:`spread`.

    Returns:
        None for an empty val split.
    """
    train, val = targets["train"], targets["val"]
    if not len(val):
        return None
    often = rates(train, classes)
    logs = seen(often, len(train)).log()
    if train.ndim == 2:
        ones = val.double()
        logs_of_zeros = seen(1 - often, len(train)).log()
        loss = -(ones * logs + (1 - ones) * logs_of_zeros).mean()
        right = ((often > 0.5) == (ones > 0.5)).double().mean(dim=1)
    else:
        loss = F.nll_loss(logs.expand(len(val), -1), val) + math.log(locations)
        right = (val == often.argmax()).double()
    error = right.std(correction=0) / len(val) ** 0.5
    constant = Constant(float(loss), float(right.mean()), float(error))
    log.info("best constant: val loss %.4f, accuracy %.4f", constant.loss, constant.accuracy)
    return constant
