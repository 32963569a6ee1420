"""CAM and its sum over a superset (paper, sections 3 and 5.4)."""

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.attribution.query import Query
from pipeline.images.scaling import maximum, minmax


def cam(query: Query) -> Tensor:
    """The activation f_y before the pooling mean, signed (section 3): (K, h, w).

    A model of ACoL shows the maximum of its two heads' maps instead, in [0, 1].
    """
    return query.model.class_maps(query.inputs, query.output, query.images, query.label())


def cam_max(query: Query) -> Tensor:
    """CAM in [0, 1] by its maximum (Eq. 2): (K, h, w)."""
    return maximum(cam(query))


def cam_minmax(query: Query) -> Tensor:
    """CAM in [0, 1] by minimum and maximum, as the released code shows it: (K, h, w)."""
    return minmax(cam(query))


def cam_superset(query: Query) -> Tensor:
    """The sum of the min-max scaled activations of a set of classes (CAM + Y): (K, h, w).

    The paper does not say how CAM's maps of several classes are scaled; the released code does so.
    """
    return _summed(query, minmax)


def cam_superset_positive(query: Query) -> Tensor:
    """The sum of the positive activations of a set of classes: (K, h, w).

    Classes without evidence add little here, while min-max scaling lets all weigh the same.
    """
    return _summed(query, lambda maps: maps.clamp(min=0))


def _summed(query: Query, scaled: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.stack(
        [
            scaled(query.output[image, list(members)]).sum(dim=0)
            for image, members in zip(query.images, query.classes, strict=True)
        ]
    )
