"""The sensitivity axiom: is an attribution zero just where the prediction does not depend on it?

The paper's section 3.1 asks that where altering the input changes phi(x) = p(y|x) the attribution
is not zero, and that where it does not, it is. Two readings of "the input" are measured:

- Locations of the last layer, which sections 3.1 and 4.2 argue about: each by itself is left out
  of the pooling sum, for CAM of the mean of f_yz, for CALM of the sum of p(y, z|x).
- Blocks of the image: each by itself is set to the mean colour of ImageNet. Receptive fields are
  larger than a block, so that no map can be perfect here.

Nothing is exactly zero in floating point. What a threshold is relative to is said at each function.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, log_softmax

from pipeline.models.study_models import Model

BATCH = 16  # images per forward pass


@torch.inference_mode()
def probabilities(model: Model, images: Tensor, labels: Tensor) -> Tensor:
    """p(y|x) of one class per image: (B, 3, S, S), (B,) -> (B,) float64 on the CPU."""
    log_probs = model.log_probs(images).double()  # (B, C)
    return log_probs.gather(1, labels[:, None])[:, 0].exp().cpu()


def wrong_shares(matters: Tensor, attributions: Tensor, zero: float) -> tuple[float, float]:
    """Shares of places whose attribution is wrongly zero and wrongly non-zero.

    Args:
        matters: bool (N,), where the prediction depends on the place.
        attributions: (N,), at least 0.
        zero: an attribution is zero if it is at most this part of the largest.

    Returns:
        Missed, the share of zeros among the places that matter, and spurious, the share of
        non-zeros among the others; NaN where there are no such places.
    """
    is_zero = attributions <= zero * attributions.max()
    return is_zero[matters].double().mean().item(), (~is_zero)[~matters].double().mean().item()


def location_responses(model: Model, output: Tensor, label: int) -> Tensor:
    """By how much p(y|x) changes if a location is left out of the last layer's pooling.

    Args:
        model: of kind ``"cam"`` or ``"calm"``.
        output: (C, h, w), its maps of one image.
        label: the class y.

    Returns:
        (h, w) float64, at least 0.
    """
    if model.kind == "calm":  # p(y|x) is the sum of p(y, z|x), so the location's own term
        return output[label].double().exp()
    terms = output.double().flatten(1) / output[0].numel()  # (C, hw)
    total = terms.sum(dim=1, keepdim=True)
    whole = log_softmax(total, dim=0)[label].exp()
    without = log_softmax(total - terms, dim=0)[label].exp()  # (hw,)
    return (without - whole).abs().view(output.shape[1:])


def of_locations(
    model: Model, output: Tensor, label: int, attribution: Tensor, zero: float
) -> tuple[float, float]:
    """Missed and spurious shares of the last layer's locations: see :func:`wrong_shares`.

    Args:
        model: of kind ``"cam"`` or ``"calm"``.
        output: (C, h, w), its maps of one image.
        label: the class y.
        attribution: (H, W), its sizes averaged over each location.
        zero: both a response and an attribution are zero up to this part of the largest.
    """
    if output[0].numel() == 1:  # logits alone: the network has no last layer of places
        return math.nan, math.nan
    responses = location_responses(model, output, label)
    height, width = responses.shape
    sizes = adaptive_avg_pool2d(attribution.double().abs()[None], (height, width))[0]  # (h, w)
    matters = responses > zero * responses.max()
    return wrong_shares(matters.flatten(), sizes.flatten(), zero)


def blocks_of(size: int, blocks: int) -> Tensor:
    """The pixels of each block of a square image, row by row: bool (blocks^2, size, size)."""
    block = torch.arange(size) * blocks // size  # of each row or column
    number = block[:, None] * blocks + block  # (size, size)
    return number == torch.arange(blocks**2)[:, None, None]


def of_blocks(
    model: Model,
    image: Tensor,
    label: Tensor,
    attribution: Tensor,
    blocks: int,
    response: float,
    zero: float,
) -> tuple[float, float]:
    """Missed and spurious shares of an image's blocks: see :func:`wrong_shares`.

    Args:
        model: in evaluation mode.
        image: (1, 3, S, S) normalised, whose mean colour is 0.
        label: (1,) the class y.
        attribution: (S, S), its sizes averaged over each block.
        blocks: along a side.
        response: a block matters if p(y|x) changes by more than this.
        zero: an attribution is zero if it is at most this part of the largest block's.
    """
    masks = blocks_of(image.shape[-1], blocks)  # (N, S, S)
    altered = [
        probabilities(
            model,
            image.masked_fill(some[:, None].to(image.device), 0),  # (n, 3, S, S)
            label.expand(len(some)),
        )
        for some in masks.split(BATCH)
    ]
    responses = (torch.cat(altered) - probabilities(model, image, label)).abs()  # (N,)
    sizes = (attribution.abs() * masks).sum(dim=(1, 2)) / masks.sum(dim=(1, 2))
    return wrong_shares(responses > response, sizes, zero)
