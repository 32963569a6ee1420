"""Heads: from a trunk's features to per-class maps, class probabilities and a loss.

All work on maps in float32 whatever the precision of the trunk: `forward` gives the maps,
`log_probs` reads the prediction off them, `loss` is of the maps alone. A training method may do
more than that in `training_step`, where it has the images and the trunk; those of WSOL are in
`pipeline.models.methods`, one file each.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline import calm
from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.models.anatomy import Output
from pipeline.models.trunks import Trunk, trunk_named
from pipeline.runtime.errors import UserError
from pipeline.settings import Training


def pointwise(channels: int, outputs: int, scale: float) -> nn.Conv2d:
    """A 1x1 convolution with Xavier weights times ``scale`` and zero bias."""
    layer = nn.Conv2d(channels, outputs, kernel_size=1)
    nn.init.xavier_uniform_(layer.weight, gain=scale)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Head(nn.Module):
    """What all heads share: how one is trained, and which map of a class it shows.

    Attributes:
        kind: what the maps are, ``"cam"``, ``"calm"`` or ``"attributes"``.
        PLACES: trunk -> the result of `find_places`, where the paper or the benchmark says it.
        FORMS: name -> the trunk in another form, where this head needs one.
        has_logits: class scores stand before the probabilities, see `CamHead.logits`.
        location_in_loss: the loss holds the entropy of the location.
        dropout: the trunk keeps its own dropout.
        places: those of this head's trunk.
    """

    kind: str
    PLACES: ClassVar[Mapping[str, Mapping[str, int]]] = {}
    FORMS: ClassVar[Mapping[str, Trunk]] = {}
    has_logits = False
    location_in_loss = False
    dropout = True
    # (B, C, h, w) maps -> log p (B, C); maps and labels -> scalar
    log_probs: Callable[[Tensor], Tensor]
    logits: Callable[[Tensor], Tensor]  # (B, C, h, w) maps -> (B, C), where `has_logits`
    loss: Callable[[Tensor, Tensor], Tensor]

    def __init__(self, places: Mapping[str, int]) -> None:
        super().__init__()
        self.places = dict(places)

    @classmethod
    def trunk_of(cls, name: str, side: int = 224) -> Trunk:
        """The trunk of this name, in the form that the head stands on; see `trunk_named`."""
        return cls.FORMS[name] if name in cls.FORMS else trunk_named(name, side)

    @staticmethod
    def find_places(outputs: Sequence[Output], channels: int) -> Mapping[str, int] | None:
        """The outputs of a trunk, besides its features, that `training_step` reads or changes.

        Args:
            outputs: of the trunk's stages.
            channels: of its features.

        Returns:
            name -> channels, from the first to the last, where ``features`` stands for the trunk's
            end; empty if this trunk has none; None if the head reads the features alone.
        """
        return None

    @classmethod
    def places_on(cls, name: str, trunk: Trunk) -> Mapping[str, int]:
        """The places of a trunk.

        Raises:
            UserError: the training method has places, but none on this trunk.
        """
        places = cls.PLACES.get(name) or cls.find_places(trunk.outputs, trunk.channels)
        if places is None:
            return {}
        if not places:
            raise UserError(
                f"method: {cls.__name__.lower()!r} has no places in trunk {name!r}, which has no "
                "stages that give maps. Choose another trunk, or another method."
            )
        return places

    def training_step(
        self, trunk: nn.Module, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One pass of training.

        Args:
            trunk: images -> its outputs by name, in training mode.
            images: (B, 3, S, S) normalised.
            labels: (B,) class indices, or (B, A) attributes.

        Returns:
            the maps (B, C, h, w), and all that is minimised (scalar, mean over the batch, nats).
        """
        maps = self(trunk(images)["features"])
        return maps, self.loss(maps, labels)

    def class_maps(
        self, trunk: nn.Module, inputs: Tensor, maps: Tensor, images: Tensor, labels: Tensor
    ) -> Tensor:
        """The maps that localise single classes, without gradient.

        Args:
            trunk: in evaluation mode.
            inputs: (B, 3, S, S) normalised images.
            maps: (B, C, h, w), of `forward`.
            images: (K,) int64, rows of ``inputs``.
            labels: (K,) int64, the class of each map.

        Returns:
            (K, h, w): the given maps of those classes, unless a head says otherwise.
        """
        return maps[images, labels]


class CamHead(Head):
    """CAM (paper, section 3): class activations f (B, C, h, w), p(y|x) = softmax(mean_hw f)."""

    kind = "cam"
    has_logits = True

    def __init__(
        self, channels: int, outputs: int, training: Training, places: Mapping[str, int]
    ) -> None:
        super().__init__(places)
        self.classes = pointwise(channels, outputs, training.class_init_scale)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, channels, h, w) -> activations f (B, C, h, w), any real numbers."""
        return self.classes(features).float()

    def logits(self, maps: Tensor) -> Tensor:
        """The pooled activations, any real numbers: (B, C, h, w) -> (B, C)."""
        return maps.mean(dim=(2, 3))

    def log_probs(self, maps: Tensor) -> Tensor:
        """log p(y|x) (Eq. 1): (B, C, h, w) -> (B, C)."""
        return F.log_softmax(self.logits(maps), dim=1)

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy, mean over the batch, nats: labels (B,) class indices."""
        return F.nll_loss(self.log_probs(maps), labels)


class AttributesHead(CamHead):
    """Multi-label pretraining: the pooled activations are the logits of binary attributes."""

    kind = "attributes"

    @torch.no_grad()
    def start_at(self, log_odds: Tensor) -> None:
        """Set the biases to the attributes' log odds (A,), as often as each occurs.

        Most attributes are rare. From zero biases, learning how rare takes the first epochs.
        """
        assert self.classes.bias is not None
        self.classes.bias.copy_(log_odds)

    def log_probs(self, maps: Tensor) -> Tensor:
        """log p(attribute|x), each by itself: (B, A, h, w) -> (B, A)."""
        return F.logsigmoid(self.logits(maps))

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Binary cross-entropy, mean over attributes and batch: labels (B, A) in {0, 1}."""
        return F.binary_cross_entropy_with_logits(self.logits(maps), labels)


class CalmHead(Head):
    """CALM (paper, section 4): maps are log p(y, z|x) (B, C, h, w)."""

    kind = "calm"

    def __init__(
        self, channels: int, outputs: int, training: Training, places: Mapping[str, int]
    ) -> None:
        super().__init__(places)
        self.classes = pointwise(channels, outputs, training.class_init_scale)  # g
        self.location = pointwise(channels, 1, training.location_init_scale)  # h
        self.activation = training.location
        self.detach_normaliser = training.detach_normaliser

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


class CalmMlHead(CalmHead):
    """CALM by marginal likelihood."""

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """The ML loss (Eq. 4), nats: labels (B,) class indices."""
        return calm.ml_loss(maps, labels)


class CalmEmHead(CalmHead):
    """CALM by expectation maximisation."""

    location_in_loss = True

    def __init__(
        self, channels: int, outputs: int, training: Training, places: Mapping[str, int]
    ) -> None:
        super().__init__(channels, outputs, training, places)
        self.posterior_guard = training.posterior_guard

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """The EM loss (Eq. 6), nats: labels (B,) class indices."""
        return calm.em_loss(maps, labels, posterior_guard=self.posterior_guard)


def head_of(training: Training) -> type[Head]:
    """The head of a training method.

    Its module alone is imported, by its name in the catalogue: an edit in one method then retrains
    no model of another.
    """
    entry = TRAINING_METHODS[training.method]
    return getattr(importlib.import_module(entry.code), entry.head)


def location_parameters(head: nn.Module) -> list[torch.nn.Parameter]:
    """Parameters of the location branch h (none but CALM's)."""
    return list(head.location.parameters()) if isinstance(head, CalmHead) else []
