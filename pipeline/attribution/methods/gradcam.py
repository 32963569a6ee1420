"""Class activation maps by gradients at features: Grad-CAM, Grad-CAM++ and LayerCAM."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.attribution.features import maps_by_gradients
from pipeline.attribution.query import Query


def gradcam(query: Query) -> Tensor:
    """Grad-CAM (Selvaraju et al., ICCV 2017): (K, h, w), not negative.

    The features, each channel weighted by its mean gradient.
    """

    def by_mean_gradient(features: Tensor, gradients: Tensor, _: Tensor) -> Tensor:
        weights = gradients.mean(dim=(2, 3), keepdim=True)
        return F.relu((weights * features).sum(dim=1))

    return maps_by_gradients(query, by_mean_gradient)


def gradcam_pp(query: Query) -> Tensor:
    """Grad-CAM++ (Chattopadhay et al., WACV 2018): (K, h, w), not negative.

    The publication's closed form, for Y = exp(S) of the class's score S, with the gradient g of S
    at the features A: the weight of a channel is the sum of g^2 / (2 g^2 + g^3 sum(A)) times
    Y max(g, 0) over the locations. In the place of the factor Y stands p(y|x), which is exp(logit)
    over a constant of the image, and cannot overflow; where S is log p(y|x) it is Y itself.
    """

    def by_positive_gradients(features: Tensor, gradients: Tensor, probability: Tensor) -> Tensor:
        positive = gradients.clamp_min(0)
        # both sides of the fraction over g^2, so that a small g does not underflow
        divisor = 2 + positive * features.sum(dim=(2, 3), keepdim=True)
        shares = positive / torch.where(divisor != 0, divisor, 1)
        weights = shares.sum(dim=(2, 3), keepdim=True)  # (n, channels, 1, 1)
        return probability[:, None, None] * F.relu((weights * features).sum(dim=1))

    return maps_by_gradients(query, by_positive_gradients)


def layercam(query: Query) -> Tensor:
    """LayerCAM (Jiang et al., IEEE TIP 2021): (K, h, w), not negative.

    The features, each weighted by the positive part of its own gradient.
    """

    def by_own_gradient(features: Tensor, gradients: Tensor, _: Tensor) -> Tensor:
        return F.relu((gradients.clamp_min(0) * features).sum(dim=1))

    return maps_by_gradients(query, by_own_gradient)
