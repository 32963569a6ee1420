"""Occlusion: how much the class's score falls when a square of the image is blanked."""

import torch
from captum.attr import Occlusion
from torch import Tensor

from pipeline.attribution.input_gradients import POINTS, forward_of, image_by_image
from pipeline.attribution.query import Query
from pipeline.runtime.errors import UserError


def occlusion(query: Query) -> Tensor:
    """Occlusion (Zeiler and Fergus, ECCV 2014): (K, S, S), signed.

    A square of zeros, ImageNet's mean colour, is moved over the image. A pixel has the mean, over
    the squares that cover it, of the class's score without the square minus that with it. An
    occluded image goes through the network once for all classes: Captum attributes each output of
    the function that it is given, here those of the classes that are asked for.

    Raises:
        UserError: the square is larger than the images.
    """
    section, size = query.options.occlusion, query.inputs.shape[-1]
    if section.window > size:
        raise UserError(
            f"attribution.occlusion.window: {section.window} pixels are more than the images have "
            f"({size}). Choose a smaller square."
        )
    forward = forward_of(query)

    def score_drops(row: int, image: Tensor, labels: list[int]) -> Tensor:
        method = Occlusion(lambda images: forward(images)[:, labels])
        found = method.attribute(
            image,
            sliding_window_shapes=(3, section.window, section.window),
            strides=(3, section.stride, section.stride),
            perturbations_per_eval=POINTS,
        )  # (L, 3, S, S), the channels alike
        return found[:, 0].to(image.dtype)

    with torch.no_grad():
        return image_by_image(query, score_drops)
