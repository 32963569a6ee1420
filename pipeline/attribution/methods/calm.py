"""What CALM's joint distribution says about locations (paper, section 4.1.3)."""

import torch
from torch import Tensor

from pipeline import calm
from pipeline.attribution.query import Query


def joint(query: Query) -> Tensor:
    """p(y, z|x) (Eq. 7): (K, h, w)."""
    return calm.joint(*_asked(query))


def posterior(query: Query) -> Tensor:
    """p(z|x, y) (Eq. 17): (K, h, w)."""
    return calm.posterior(*_asked(query))


def counterfactual(query: Query) -> Tensor:
    """p(y, z|x) - p(y', z|x): (K, h, w), signed."""
    log_joint, first = _asked(query)
    return calm.counterfactual(log_joint, first, first + 1)


def conditional(query: Query) -> Tensor:
    """p(y|x, z): (K, h, w); p(z|x) needs all classes, but once an image, not once a map."""
    log_saliency = torch.logsumexp(query.output, dim=1)  # (B, h, w)
    return (query.output[query.images, query.label()] - log_saliency[query.images]).exp()


def saliency(query: Query) -> Tensor:
    """p(z|x), one map an image: (K, h, w)."""
    return calm.saliency(query.output)[query.images]


def subset(query: Query) -> Tensor:
    """The sum of p(y, z|x) over a set of classes: (K, h, w)."""
    return torch.stack(
        [
            query.output[image, sorted(set(members))].exp().sum(dim=0)
            for image, members in zip(query.images, query.classes, strict=True)
        ]
    )


def _asked(query: Query) -> tuple[Tensor, Tensor]:
    """Only the maps that are asked for, so that the other classes' cost nothing.

    Returns:
        (K, n, h, w), the n classes of each request in their order, and zeros (K,), the index of
        the first of them.
    """
    labels = torch.stack(
        [query.label(position) for position in range(len(query.classes[0]))], dim=1
    )  # (K, n)
    asked = query.output[query.images[:, None], labels]  # (K, n, h, w)
    return asked, torch.zeros_like(query.images)
