"""HiResCAM: features times their own gradients."""

from torch import Tensor

from pipeline.attribution.features import maps_by_gradients
from pipeline.attribution.query import Query


def hirescam(query: Query) -> Tensor:
    """HiResCAM (Draelos and Carin, arXiv 2011.08891): (K, h, w), signed.

    The sum over the channels of each feature times its gradient, so that no place gets another's
    gradient. In a network that ends in one linear layer the map sums to the logit less its bias.
    """

    def rule(features: Tensor, gradients: Tensor, _: Tensor) -> Tensor:
        return (gradients * features).sum(dim=1)

    return maps_by_gradients(query, rule)
