"""Baselines that ask no model: one map per image, at the input's resolution."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import rgb_to_grayscale

from pipeline.attribution.query import Query
from pipeline.images import center_gaussian as centre
from pipeline.images.loading import denormalise
from pipeline.runtime.seeds import image_seed


def uniform(query: Query) -> Tensor:
    """The same everywhere: ones (K, S, S)."""
    return query.inputs.new_ones(len(query.images), *query.inputs.shape[2:])


def center_gaussian(query: Query) -> Tensor:
    """A Gaussian around the middle of the image, in [0, 1]: (K, S, S)."""
    gaussian = torch.from_numpy(centre.center_gaussian(query.inputs.shape[-1]))
    return gaussian.to(query.inputs).expand(len(query.images), -1, -1)


def random(query: Query) -> Tensor:
    """Each pixel uniform in [0, 1), drawn from the image's name: (K, S, S)."""
    maps = []
    for row in query.images.tolist():
        draws = torch.Generator().manual_seed(image_seed(0, query.image_ids[row]))
        maps.append(torch.rand(query.inputs.shape[2:], generator=draws))
    return torch.stack(maps).to(query.inputs)


def edges(query: Query) -> Tensor:
    """The Sobel magnitude of the grey image: (K, S, S), not negative.

    Grey levels are in [0, 255]; the image is continued by its border pixels.
    """
    grey = rgb_to_grayscale(denormalise(query.inputs).to(query.inputs.dtype))  # (B, 1, S, S)
    across = grey.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([across, across.T])[:, None]  # (2, 1, 3, 3)
    slopes = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels)  # (B, 2, S, S)
    return slopes.norm(dim=1)[query.images]
