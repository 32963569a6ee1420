"""Integrated gradients, as published and as in the released code of the paper."""

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from pipeline.attribution.input_gradients import (
    POINTS,
    by_captum,
    class_gradients,
    finished,
    forward_of,
    image_by_image,
    strongest_channel,
)
from pipeline.attribution.query import Query


def integrated_gradients(query: Query) -> Tensor:
    """Integrated gradients (Sundararajan et al., ICML 2017): (K, S, S), signed.

    The path starts at the image of zeros, ImageNet's mean colour; its integral is Captum's, by
    Gauss-Legendre quadrature. A pixel has the sum of its channels' contributions: before blur and
    stretch a map sums to the class's score of the image less that of the image of zeros.
    """
    method = IntegratedGradients(forward_of(query))
    steps = query.options.integrated_gradients.steps

    def path_integral(row: int, image: Tensor, labels: list[int]) -> Tensor:
        found = by_captum(method, image, labels, n_steps=steps, internal_batch_size=POINTS)
        return found.sum(dim=1)  # (L, S, S)

    return finished(image_by_image(query, path_integral), query.options.gradient_maps)


def integrated_gradients_released(query: Query) -> Tensor:
    """What the released code calls integrated gradients: (K, S, S), not negative.

    The largest absolute gradient of the logit over the channels, averaged over ``steps`` + 1 even
    points from the image of zeros to the image (both included, divided by ``steps``), not times the
    image; neither blurred nor stretched.
    """
    forward = forward_of(query, "logit")
    steps = query.options.integrated_gradients.steps

    def mean_gradient(row: int, image: Tensor, labels: list[int]) -> Tensor:
        fractions = torch.arange(steps + 1, device=image.device, dtype=image.dtype) / steps
        total = torch.zeros((), device=image.device, dtype=image.dtype)
        for part in fractions.split(POINTS):
            gradients = class_gradients(forward, part[:, None, None, None] * image, labels)
            total = total + strongest_channel(gradients).sum(dim=0)  # (L, S, S)
        return total / steps

    return image_by_image(query, mean_gradient)
