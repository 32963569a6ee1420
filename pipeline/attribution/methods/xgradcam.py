"""XGrad-CAM: Grad-CAM whose mean gradient is weighted by the features."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.attribution.features import maps_by_gradients
from pipeline.attribution.query import Query


def xgradcam(query: Query) -> Tensor:
    """XGrad-CAM (Fu et al., BMVC 2020): (K, h, w), not negative.

    A channel's weight is the mean of its gradients over the places, each counted by the share of
    the channel's sum that is there (section 3.3); 0 for a channel whose sum is 0.
    """

    def rule(features: Tensor, gradients: Tensor, _: Tensor) -> Tensor:
        total = features.sum(dim=(2, 3), keepdim=True)
        weights = (gradients * features).sum(dim=(2, 3), keepdim=True)
        weights = torch.where(total != 0, weights / torch.where(total != 0, total, 1), 0)
        return F.relu((weights * features).sum(dim=1))

    return maps_by_gradients(query, rule)
