"""Class activation maps by gradients at the trunk's features: Grad-CAM and what followed it.

The trunk runs forward once; gradients of the class's score (`pipeline.attribution.explained`) go
through the head alone. Maps have the resolution of the features.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam, Saliency
from torch import Tensor, nn

from pipeline.attribution.explained import explained
from pipeline.attribution.query import Query
from pipeline.models.heads import Head
from pipeline.settings import Target

MAPS = 16  # that are computed at once; a map of ResNet50 has 6 MB of features and of gradients


def gradcam(query: Query) -> Tensor:
    """Grad-CAM (Selvaraju et al., ICCV 2017), by Captum: (K, h, w), not negative."""

    def explain(head: _Scores, features: Tensor, labels: Tensor) -> Tensor:
        method = LayerGradCam(head, head.features)
        return method.attribute(features, target=labels, relu_attributions=True)[:, 0]

    return _maps(query, explain)


def gradcam_pp(query: Query) -> Tensor:
    """Grad-CAM++ (Chattopadhay et al., WACV 2018): (K, h, w), not negative.

    The publication's closed form, for Y = exp(S) of the class's score S, with the gradient g of S
    at the features A: the weight of a channel is the sum of g^2 / (2 g^2 + g^3 sum(A)) times
    Y max(g, 0) over the locations. In the place of the factor Y stands p(y|x), which is exp(logit)
    over a constant of the image, and cannot overflow; where S is log p(y|x) it is Y itself.
    """

    def explain(head: _Scores, features: Tensor, labels: Tensor) -> Tensor:
        positive = _gradients(head, features, labels).clamp_min(0)  # (n, channels, h, w)
        # both sides of the fraction over g^2, so that a small g does not underflow
        divisor = 2 + positive * features.sum(dim=(2, 3), keepdim=True)
        shares = positive / torch.where(divisor != 0, divisor, 1)
        weights = shares.sum(dim=(2, 3), keepdim=True)  # (n, channels, 1, 1)
        with torch.no_grad():
            log_probs = explained(head.head, head.head(features), "log_prob")
            probability = log_probs.gather(1, labels[:, None]).exp()  # (n, 1)
        return probability[:, :, None].to(features) * F.relu((weights * features).sum(dim=1))

    return _maps(query, explain)


def layercam(query: Query) -> Tensor:
    """LayerCAM (Jiang et al., IEEE TIP 2021): (K, h, w), not negative.

    The features, each weighted by the positive part of its own gradient.
    """

    def explain(head: _Scores, features: Tensor, labels: Tensor) -> Tensor:
        gradients = _gradients(head, features, labels)
        return F.relu((gradients.clamp_min(0) * features).sum(dim=1))

    return _maps(query, explain)


class _Scores(nn.Module):
    """Features (n, channels, h, w) -> scores (n, C) float64, with a layer for Captum's hooks."""

    def __init__(self, head: Head, target: Target) -> None:
        super().__init__()
        self.features = nn.Identity()
        self.head = head
        self.target = target

    def forward(self, features: Tensor) -> Tensor:
        return explained(self.head, self.head(self.features(features)), self.target)


def _gradients(head: _Scores, features: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the score at the features: (n, channels, h, w)."""
    return Saliency(head).attribute(features.requires_grad_(), target=labels, abs=False).detach()


def _features(query: Query) -> Tensor:
    """The trunk's features (B, channels, h, w), without gradient."""
    with torch.no_grad():
        return query.model.trunk(query.inputs)["features"]


def _maps(query: Query, explain: Callable[[_Scores, Tensor, Tensor], Tensor]) -> Tensor:
    """The maps (K, h, w) of a query; ``explain`` is given some of them at a time."""
    head = _Scores(query.model.head, query.options.target)
    features = query.once(_features)
    parts = zip(query.images.split(MAPS), query.label().split(MAPS), strict=True)
    return torch.cat([explain(head, features[images], labels).detach() for images, labels in parts])
