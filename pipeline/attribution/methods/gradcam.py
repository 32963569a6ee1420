"""Class activation maps by gradients at the trunk's features: Grad-CAM and what followed it.

The trunk runs forward once; gradients of log p(y|x) go through the head alone. Maps have the
resolution of the features.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam, Saliency
from torch import Tensor, nn

from pipeline.attribution.query import Query
from pipeline.models.heads import Head

MAPS = 16  # that are computed at once; a map of ResNet50 has 6 MB of features and of gradients


def gradcam(query: Query) -> Tensor:
    """Grad-CAM (Selvaraju et al., ICCV 2017), by Captum: (K, h, w), not negative."""

    def explain(head: _Probabilities, features: Tensor, labels: Tensor) -> Tensor:
        method = LayerGradCam(head, head.features)
        return method.attribute(features, target=labels, relu_attributions=True)[:, 0]

    return _maps(query, explain)


def gradcam_pp(query: Query) -> Tensor:
    """Grad-CAM++ (Chattopadhay et al., WACV 2018): (K, h, w), not negative.

    The class score is p(y|x) = exp(log p(y|x)), so that the publication's closed form for an
    exponential applies, with the gradient g of log p(y|x) at the features A: the weight of a
    channel is the sum of g^2 / (2 g^2 + g^3 sum(A)) times p(y|x) max(g, 0) over the locations.
    """

    def explain(head: _Probabilities, features: Tensor, labels: Tensor) -> Tensor:
        positive = _gradients(head, features, labels).clamp_min(0)  # (n, channels, h, w)
        # both sides of the fraction over g^2, so that a small g does not underflow
        divisor = 2 + positive * features.sum(dim=(2, 3), keepdim=True)
        shares = positive / torch.where(divisor != 0, divisor, 1)
        weights = shares.sum(dim=(2, 3), keepdim=True)  # (n, channels, 1, 1)
        with torch.no_grad():
            scores = head(features).exp().gather(1, labels[:, None])  # (n, 1)
        return scores[:, :, None].to(features) * F.relu((weights * features).sum(dim=1))

    return _maps(query, explain)


def layercam(query: Query) -> Tensor:
    """LayerCAM (Jiang et al., IEEE TIP 2021): (K, h, w), not negative.

    The features, each weighted by the positive part of its own gradient.
    """

    def explain(head: _Probabilities, features: Tensor, labels: Tensor) -> Tensor:
        gradients = _gradients(head, features, labels)
        return F.relu((gradients.clamp_min(0) * features).sum(dim=1))

    return _maps(query, explain)


class _Probabilities(nn.Module):
    """Features (n, channels, h, w) -> log p(y|x) (n, C), with a layer for Captum's hooks.

    Probabilities are in double precision, as in `input_gradients.forward_of`.
    """

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.features = nn.Identity()
        self.head = head

    def forward(self, features: Tensor) -> Tensor:
        return self.head.log_probs(self.head(self.features(features)).double())


def _gradients(head: _Probabilities, features: Tensor, labels: Tensor) -> Tensor:
    """d log p(y|x) / d features: (n, channels, h, w)."""
    return Saliency(head).attribute(features.requires_grad_(), target=labels, abs=False).detach()


def _features(query: Query) -> Tensor:
    """The trunk's features (B, channels, h, w), without gradient."""
    with torch.no_grad():
        return query.model.trunk(query.inputs)["features"]


def _maps(query: Query, explain: Callable[[_Probabilities, Tensor, Tensor], Tensor]) -> Tensor:
    """The maps (K, h, w) of a query; ``explain`` is given some of them at a time."""
    head, features = _Probabilities(query.model.head), query.once(_features)
    parts = zip(query.images.split(MAPS), query.label().split(MAPS), strict=True)
    return torch.cat([explain(head, features[images], labels).detach() for images, labels in parts])
