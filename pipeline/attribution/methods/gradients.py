"""The gradient at the image itself, and times the image."""

from torch import Tensor

from pipeline.attribution.input_gradients import (
    class_gradients,
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
    forward = forward_of(query)

    def strongest(row: int, image: Tensor, labels: list[int]) -> Tensor:
        return strongest_channel(class_gradients(forward, image, labels)[0])

    maps = image_by_image(query, strongest)
    return finished(maps, query.options.gradient_maps)


def input_x_gradient(query: Query) -> Tensor:
    """The gradient of the class's score times the normalised image: (K, S, S), signed.

    The products are first-order contributions to the score, so a pixel has the sum of its
    channels'.
    """
    forward = forward_of(query)

    def products(row: int, image: Tensor, labels: list[int]) -> Tensor:
        return (image * class_gradients(forward, image, labels)[0]).sum(dim=1)

    maps = image_by_image(query, products)
    return finished(maps, query.options.gradient_maps)
