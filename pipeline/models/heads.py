"""Heads: from a trunk's features to per-class maps, class probabilities and a loss.

All three work on maps in float32 whatever the precision of the trunk: `forward` gives the maps,
`log_probs` reads the prediction off them, `loss` trains them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline import calm
from pipeline.settings import Training


def pointwise(channels: int, outputs: int, scale: float) -> nn.Conv2d:
    """A 1x1 convolution with Xavier weights times ``scale`` and zero bias."""
    layer = nn.Conv2d(channels, outputs, kernel_size=1)
    nn.init.xavier_uniform_(layer.weight, gain=scale)
    nn.init.zeros_(layer.bias)
    return layer


class CamHead(nn.Module):
    """CAM (paper, section 3): class activations f (B, C, h, w), p(y|x) = softmax(mean_hw f)."""

    kind = "cam"

    def __init__(self, channels: int, outputs: int, training: Training) -> None:
        super().__init__()
        self.classes = pointwise(channels, outputs, training.class_init_scale)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, channels, h, w) -> activations f (B, C, h, w), any real numbers."""
        return self.classes(features).float()

    def log_probs(self, maps: Tensor) -> Tensor:
        """log p(y|x) (Eq. 1): (B, C, h, w) -> (B, C)."""
        return F.log_softmax(maps.mean(dim=(2, 3)), dim=1)

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy, mean over the batch, nats: labels (B,) class indices."""
        return F.nll_loss(self.log_probs(maps), labels)


class AttributesHead(CamHead):
    """Multi-label pretraining: the pooled activations are the logits of binary attributes."""

    kind = "attributes"

    def log_probs(self, maps: Tensor) -> Tensor:
        """log p(attribute|x), each by itself: (B, A, h, w) -> (B, A)."""
        return F.logsigmoid(maps.mean(dim=(2, 3)))

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Binary cross-entropy, mean over attributes and batch: labels (B, A) in {0, 1}."""
        return F.binary_cross_entropy_with_logits(maps.mean(dim=(2, 3)), labels)


class CalmHead(nn.Module):
    """CALM (paper, section 4): maps are log p(y, z|x) (B, C, h, w)."""

    kind = "calm"

    def __init__(self, channels: int, outputs: int, training: Training) -> None:
        super().__init__()
        self.classes = pointwise(channels, outputs, training.class_init_scale)  # g
        self.location = pointwise(channels, 1, training.location_init_scale)  # h
        self.activation = training.location
        self.detach_normaliser = training.detach_normaliser
        self.criterion = calm.em_loss if training.method == "calm_em" else calm.ml_loss

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, channels, h, w) -> log p(y, z|x) (B, C, h, w)."""
        return calm.log_joint(
            self.classes(features).float(),
            self.location(features).float(),
            location=self.activation,
            detach_normaliser=self.detach_normaliser,
        )

    def log_probs(self, maps: Tensor) -> Tensor:
        """log p(y|x): (B, C, h, w) -> (B, C)."""
        return calm.class_log_probs(maps)

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """The ML (Eq. 4) or EM (Eq. 6) loss, nats: labels (B,) class indices."""
        return self.criterion(maps, labels)


HEADS: dict[str, type[nn.Module]] = {
    "cam": CamHead,
    "calm_em": CalmHead,
    "calm_ml": CalmHead,
    "attributes": AttributesHead,
}


def location_parameters(head: nn.Module) -> list[torch.nn.Parameter]:
    """Parameters of the location branch h (none for CAM)."""
    return list(head.location.parameters()) if isinstance(head, CalmHead) else []
