"""Gradients of a class's score with respect to images, and how maps are made of them.

Images are explained one by one, so that a map depends on no other image of its batch. A point (the
image itself, or a noisy or a scaled copy) goes forward once for all classes that are asked for and
backward once for each: a backward pass costs about two forward passes, so that L classes cost
1 + 2L of them where separate calls would cost 3L.
"""

import math
from collections.abc import Callable, Sequence

import torch
from captum.attr import GradientAttribution
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from pipeline.attribution.explained import explained
from pipeline.attribution.query import Query
from pipeline.images.scaling import minmax
from pipeline.settings import GradientMaps, Target

POINTS = 10  # images per pass of the network; 10 of 224 pixels need less than 4 GB

Forward = Callable[[Tensor], Tensor]


def forward_of(query: Query, target: Target | None = None) -> Forward:
    """The function that is explained: images (n, 3, S, S) -> scores (n, C), float64.

    Args:
        query: of the model.
        target: which scores, see `pipeline.attribution.explained`; None: those of the options.
    """
    wanted = target or query.options.target
    return lambda points: explained(query.model.head, query.model(points), wanted)


def image_by_image(query: Query, maps_of: Callable[[int, Tensor, list[int]], Tensor]) -> Tensor:
    """The maps of a query, one image at a time.

    Args:
        query: for maps of classes.
        maps_of: (row of the image, image (1, 3, S, S), L labels) -> (L, ...).

    Returns:
        (K, ...), in the query's order.
    """
    labels = query.label()
    found, places = [], []
    for row in query.images.unique().tolist():
        asked = torch.nonzero(query.images == row)[:, 0]  # (L,)
        found.append(maps_of(row, query.inputs[row : row + 1], labels[asked].tolist()))
        places.append(asked)
    return torch.cat(found)[torch.cat(places).argsort()]


def class_gradients(forward: Forward, points: Tensor, labels: Sequence[int]) -> Tensor:
    """The gradients of some classes' scores at some points.

    Args:
        forward: see :func:`forward_of`.
        points: (n, 3, S, S).
        labels: L classes.

    Returns:
        (n, L, 3, S, S).
    """
    points = points.detach().requires_grad_()
    with torch.enable_grad():
        totals = forward(points)[:, labels].sum(dim=0).unbind()  # of each class, over the points
    return torch.stack(
        [
            torch.autograd.grad(total, points, retain_graph=total is not totals[-1])[0]
            for total in totals
        ],
        dim=1,
    )


def by_captum(
    method: GradientAttribution, image: Tensor, labels: Sequence[int], **options: int
) -> Tensor:
    """The attributions of a method of Captum, for several classes at once.

    A method of Captum gets its gradients from its ``gradient_func``, which Captum's own methods
    for neurons replace. Here it returns those of all classes along one more dimension; the method
    computes on it as on one.

    Args:
        method: made with :func:`forward_of`.
        image: (1, 3, S, S).
        labels: L classes.
        options: of its ``attribute``.

    Returns:
        (L, 3, S, S).
    """

    def gradients(
        forward_fn: Forward,
        inputs: tuple[Tensor],
        target_ind: None = None,
        additional_forward_args: None = None,
    ) -> tuple[Tensor]:
        return (class_gradients(forward_fn, inputs[0], labels),)

    method.gradient_func = gradients
    return method.attribute(image.detach().requires_grad_(), **options)[0].detach()


def strongest_channel(gradients: Tensor) -> Tensor:
    """The largest absolute value over the channels: (..., 3, S, S) -> (..., S, S).

    The sign of a gradient says whether a pixel would have to become brighter or darker, not whether
    it speaks for the class, and channels of opposite sign would cancel. The released code of the
    paper does the same.
    """
    return gradients.abs().amax(dim=-3)


def finished(maps: Tensor, section: GradientMaps) -> Tensor:
    """Maps after a Gaussian blur and the stretch to [0, 1] (paper, section 5.1).

    Args:
        maps: (K, S, S), any real numbers.
        section: the blur's width, in pixels, and whether to stretch.

    Returns:
        (K, S, S).
    """
    sigma, size = section.blur_sigma, maps.shape[-1]
    if sigma:
        reach = min(math.ceil(3 * sigma), size - 1)  # the image is reflected at its border
        maps = gaussian_blur(maps, 2 * reach + 1, sigma)
    return minmax(maps) if section.minmax else maps
