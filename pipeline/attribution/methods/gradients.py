"""The gradient at the image itself, and times the image."""

from captum.attr import InputXGradient, Saliency
from torch import Tensor

from pipeline.attribution.input_gradients import (
    by_captum,
    finished,
    forward_of,
    image_by_image,
    strongest_channel,
)
from pipeline.attribution.query import Query


def gradient(query: Query) -> Tensor:
    """The gradient of the class's score (Simonyan et al., ICLR Workshop 2014): (K, S, S).

    Of the three channels the largest absolute value stands for a pixel, see `strongest_channel`.
    """
    method = Saliency(forward_of(query))
    maps = image_by_image(
        query, lambda row, image, labels: strongest_channel(by_captum(method, image, labels))
    )
    return finished(maps, query.options.gradient_maps)


def input_x_gradient(query: Query) -> Tensor:
    """The gradient of the class's score times the normalised image: (K, S, S), signed.

    The products are first-order contributions to the score, so a pixel has the sum of its
    channels'.
    """
    method = InputXGradient(forward_of(query))
    maps = image_by_image(
        query, lambda row, image, labels: by_captum(method, image, labels).sum(dim=1)
    )
    return finished(maps, query.options.gradient_maps)
