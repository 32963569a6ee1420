"""What CALM's joint distribution says about locations (paper, section 4.1.3)."""

from torch import Tensor

from pipeline import calm
from pipeline.attribution.query import Query


def joint(query: Query) -> Tensor:
    """p(y, z|x) (Eq. 7): (K, h, w)."""
    return calm.joint(query.output, query.label(), images=query.images)


def posterior(query: Query) -> Tensor:
    """p(z|x, y) (Eq. 17): (K, h, w)."""
    return calm.posterior(query.output, query.label(), images=query.images)


def conditional(query: Query) -> Tensor:
    """p(y|x, z): (K, h, w)."""
    return calm.conditional(query.output, query.label(), images=query.images)


def saliency(query: Query) -> Tensor:
    """p(z|x), the same for all classes: (K, h, w)."""
    return calm.saliency(query.output)[query.images]


def subset(query: Query) -> Tensor:
    """The sum of p(y, z|x) over a set of classes: (K, h, w)."""
    return calm.subset(query.output, query.classes, images=query.images)


def counterfactual(query: Query) -> Tensor:
    """p(y, z|x) - p(y', z|x): (K, h, w), signed."""
    return calm.counterfactual(query.output, query.label(0), query.label(1), images=query.images)
