"""CAM and its sum over a superset (paper, sections 3 and 5.4)."""

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
    """The sum of the min-max scaled activations of a set of classes (CAM + Y): (K, h, w)."""
    return torch.stack(
        [
            minmax(query.output[image, list(members)]).sum(dim=0)
            for image, members in zip(query.images, query.classes, strict=True)
        ]
    )
