"""GradientSHAP: integrated gradients from many baselines, one random point of each path."""

import torch
from pydantic import Field
from torch import Tensor

from pipeline.attribution.input_gradients import (
    POINTS,
    class_gradients,
    finished,
    forward_of,
    image_by_image,
)
from pipeline.attribution.query import Query
from pipeline.runtime.seeds import image_seed
from pipeline.settings.base import Count, Section, Seed


class GradientShapOptions(Section):
    """GradientSHAP (Lundberg and Lee, NeurIPS 2017)."""

    samples: Count = Field(
        50, description="baselines per image, each of them Gaussian noise of ImageNet's colours"
    )
    seed: Seed = Field(0, description="seed of the baselines and of the points between")


def gradient_shap(query: Query) -> Tensor:
    """GradientSHAP (Lundberg and Lee, NeurIPS 2017; Erion et al., 2021): (K, S, S), signed.

    The mean over samples of the gradient at a random point between a random baseline and the
    image, times their difference; a pixel has the sum of its channels. A baseline is Gaussian noise
    of mean 0 and deviation 1 in each normalised value, ImageNet's colours without any picture. As
    Captum's `GradientShap` without noise on the image, but a sample serves all classes and the
    draws depend on the image's name alone. Before blur and stretch the expected sum of a map is
    the class's score of the image less the mean score of the baselines.
    """
    section, forward = query.options.own(GradientShapOptions), forward_of(query)

    def expected_gradients(row: int, image: Tensor, labels: list[int]) -> Tensor:
        draws = torch.Generator().manual_seed(image_seed(section.seed, query.image_ids[row]))
        total = image.new_zeros(len(labels), *image.shape[2:])
        for start in range(0, section.samples, POINTS):
            count = min(POINTS, section.samples - start)
            samples = [
                (
                    torch.randn(image.shape[1:], generator=draws, dtype=image.dtype),
                    torch.rand((), generator=draws, dtype=image.dtype),
                )
                for _ in range(count)
            ]
            baselines = torch.stack([noise for noise, _ in samples]).to(image.device)
            places = torch.stack([place for _, place in samples]).to(image.device)
            difference = image - baselines  # (n, 3, S, S)
            points = baselines + places[:, None, None, None] * difference
            gradients = class_gradients(forward, points, labels)  # (n, L, 3, S, S)
            total += (gradients * difference[:, None]).sum(dim=(0, 2))
        return total / section.samples

    return finished(image_by_image(query, expected_gradients), query.options.gradient_maps)
