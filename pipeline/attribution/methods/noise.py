"""Gradients at noisy copies of the image: SmoothGrad, squared SmoothGrad, VarGrad, in one pass.

Captum's NoiseTunnel would make one pass for each. The noise is Gaussian with a standard deviation
relative to the range of the image's values; the draws depend on the seed, the image's name and the
number of the copy. The methods with the suffix ``_released`` reduce the channels before they
average and differentiate the logit, as the released code of the paper does, and are neither
blurred nor stretched.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from pipeline.attribution.explained import target_of
from pipeline.attribution.input_gradients import (
    POINTS,
    class_gradients,
    finished,
    forward_of,
    image_by_image,
    strongest_channel,
)
from pipeline.attribution.query import Query
from pipeline.runtime.seeds import image_seed
from pipeline.settings import Noise, Target


def smoothgrad(query: Query) -> Tensor:
    """The mean gradient, largest absolute channel (Smilkov et al., 2017): (K, S, S)."""
    return finished(_maps(query)[:, 0], query.options.gradient_maps)


def smoothgrad_squared(query: Query) -> Tensor:
    """The mean squared gradient, largest channel (Hooker et al., NeurIPS 2019): (K, S, S)."""
    return finished(_maps(query)[:, 1], query.options.gradient_maps)


def vargrad(query: Query) -> Tensor:
    """The variance of the gradient, largest channel (Adebayo et al., 2018): (K, S, S)."""
    return finished(_maps(query)[:, 2], query.options.gradient_maps)


def smoothgrad_released(query: Query) -> Tensor:
    """The mean over the noise of the largest absolute channel: (K, S, S)."""
    return _maps(query, "logit")[:, 3]


def vargrad_released(query: Query) -> Tensor:
    """The variance over the noise of the largest absolute channel: (K, S, S)."""
    return _maps(query, "logit")[:, 4]


def noisy_copies(image: Tensor, image_id: str, section: Noise) -> Iterator[Tensor]:
    """Noisy copies of an image (1, 3, S, S), in batches (n, 3, S, S) of at most ``POINTS``."""
    draws = torch.Generator().manual_seed(image_seed(section.seed, image_id))
    deviation = section.spread * (image.max() - image.min())
    for start in range(0, section.samples, POINTS):
        noise = torch.stack(
            [
                torch.randn(image.shape[1:], generator=draws, dtype=image.dtype)
                for _ in range(min(POINTS, section.samples - start))
            ]
        )
        yield image + deviation * noise.to(image.device)


class _Moments:
    """Mean and variance over samples, in double precision: a variance is a small difference."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = self._squares = torch.zeros((), dtype=torch.float64)

    def update(self, values: Tensor) -> None:
        """Add n samples (n, ...)."""
        values = values.double()
        self._count += len(values)
        self._sum = self._sum + values.sum(dim=0)
        self._squares = self._squares + values.square().sum(dim=0)

    @property
    def mean(self) -> Tensor:
        return self._sum / self._count

    @property
    def mean_square(self) -> Tensor:
        return self._squares / self._count

    @property
    def variance(self) -> Tensor:
        """Divided by n, as in Captum and in the released code."""
        return (self.mean_square - self.mean.square()).clamp_min(0)


def _maps(query: Query, target: Target | None = None) -> Tensor:
    """The maps of all methods of this module, in their order, unfinished: (K, 5, S, S).

    Each target that is asked for costs a pass of its own; where a model has but one, or the options
    ask for the logit, one pass serves all.
    """
    explained = target_of(query.model.head, target or query.options.target)
    return query.once(_of_logits if explained == "logit" else _of_log_probs)


def _of_logits(query: Query) -> Tensor:
    return _noisy(query, "logit")


def _of_log_probs(query: Query) -> Tensor:
    return _noisy(query, "log_prob")


def _noisy(query: Query, target: Target) -> Tensor:
    forward = forward_of(query, target)

    def moments(row: int, image: Tensor, labels: list[int]) -> Tensor:
        of_channels, of_strongest = _Moments(), _Moments()
        for points in noisy_copies(image, query.image_ids[row], query.options.noise):
            gradients = class_gradients(forward, points, labels)  # (n, L, 3, S, S)
            of_channels.update(gradients)
            of_strongest.update(strongest_channel(gradients))
        maps = (
            strongest_channel(of_channels.mean),
            strongest_channel(of_channels.mean_square),
            strongest_channel(of_channels.variance),
            of_strongest.mean,
            of_strongest.variance,
        )
        return torch.stack(maps, dim=1).to(image.dtype)  # (L, 5, S, S)

    return image_by_image(query, moments)
