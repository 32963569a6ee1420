"""A given network seen as a trunk and a head, without altering it.

A trunk reads the features off one of the network's layers as images go through, and a head computes
from features what the rest of the network makes of them.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.ends import End
from pipeline.models.heads import Head
from pipeline.models.intake import Intake, Wanted
from pipeline.runtime.errors import UserError

_Module = TypeVar("_Module", bound=nn.Module)

SIDE = 224  # of the images that a network is tried on, pixels


class Whole(nn.Module):
    """Images as they come -> the logits of the classes that are measured.

    Attributes:
        wanted: what the network takes; None: images come just so.
        chosen: the network's outputs that are measured, in the order of the labels; None: all.
    """

    def __init__(
        self, network: nn.Module, wanted: Wanted | None, chosen: Sequence[int] | None
    ) -> None:
        super().__init__()
        self.wanted = wanted
        self.intake = Intake(wanted) if wanted else nn.Identity()
        self.network = network
        self.chosen = None if chosen is None else list(chosen)

    def of_chosen(self, of_all: Tensor) -> Tensor:
        """The rows of the measured classes, of a tensor (C, ...) of all that the network knows."""
        return of_all if self.chosen is None else of_all[self.chosen]

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, S, S) -> logits (B, C)."""
        taken = self.intake(images)
        # a copy of what is not converted, because a network may write into its images
        logits = self.network(taken.clone() if taken is images else taken)
        return logits if self.chosen is None else logits[:, self.chosen]


class _Reference(Generic[_Module]):
    """A module that belongs to another one: no submodule, but copied together with it."""

    def __init__(self, module: _Module) -> None:
        self.module = module


class GivenTrunk(nn.Module):
    """Images -> {"features": (B, channels, h, w)}, read off a layer of the unaltered network."""

    def __init__(
        self,
        whole: Whole,
        place: nn.Module,
        finish: Callable[[Tensor], Tensor] | None = None,
        before: bool = False,
    ) -> None:
        super().__init__()
        self._whole, self._place = _Reference(whole), _Reference(place)
        self._finish, self._before = finish, before
        self.side = SIDE  # of the last images, pixels

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Images (B, 3, S, S) -> {"features": (B, channels, h, w)}."""
        found: list[Tensor] = []
        place = self._place.module
        if self._before:
            hook = place.register_forward_pre_hook(lambda _, given: found.append(given[0]))
        else:
            hook = place.register_forward_hook(lambda _, __, result: found.append(result))
        with hook:
            self._whole.module(images)
        self.side = images.shape[-1]
        return {"features": self._finish(found[-1]) if self._finish else found[-1]}


class NoTrunk(nn.Module):
    """Stands for the features of a network without a layer that has a map."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Raise a UserError."""
        raise UserError(
            "This network has no layer with a map before its end, so methods at its features "
            "cannot be computed. Name one by `layer`, or use a method that needs logits alone, "
            "such as gradient."
        )


class GivenHead(Head):
    """What the ends of given networks share: maps whose mean over the places is the logits."""

    has_logits = True
    rectified = False

    def __init__(self) -> None:
        super().__init__({})

    def logits(self, maps: Tensor) -> Tensor:
        """The pooled activations: (B, C, h, w) -> (B, C)."""
        return maps.mean(dim=(2, 3))

    def log_probs(self, maps: Tensor) -> Tensor:
        """log p(y|x): (B, C, h, w) -> (B, C)."""
        return F.log_softmax(self.logits(maps), dim=1)


class CamEnd(GivenHead):
    """The end of a network that has class activations: features -> (B, C, h, w)."""

    kind = "cam"

    def __init__(self, whole: Whole, end: End) -> None:
        super().__init__()
        self._whole, self._linear = _Reference(whole), _Reference(end.linear)
        self.rectified = end.rectified

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, channels, h, w) -> class activations (B, C, h, w)."""
        linear, of_chosen = self._linear.module, self._whole.module.of_chosen
        weight = of_chosen(linear.weight)  # (C, channels), of a convolution (C, channels, 1, 1)
        bias = None if linear.bias is None else of_chosen(linear.bias)
        maps = F.conv2d(features, weight.reshape(*weight.shape[:2], 1, 1), bias)
        return F.relu(maps) if self.rectified else maps


class LayerEnd(GivenHead):
    """All that follows a layer: its features -> logits as (B, C, 1, 1).

    The network runs on an empty image, with the features in the place of that layer's output. It
    does not matter which image that is, as nothing passes the layer by (`GivenModel` tries it).
    """

    kind = "given"

    def __init__(self, whole: Whole, layer: nn.Module, trunk: GivenTrunk) -> None:
        super().__init__()
        self._whole, self._layer = _Reference(whole), _Reference(layer)
        self._trunk = _Reference(trunk)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, channels, h, w) -> logits (B, C, 1, 1)."""
        side = self._trunk.module.side
        empty = features.new_zeros((len(features), 3, side, side))
        # a copy, because what follows may write into it
        with self._layer.module.register_forward_hook(lambda *call: features.clone()):
            return self._whole.module(empty)[:, :, None, None]


class LogitEnd(GivenHead):
    """The end of a network without a layer to look at: its maps are the logits, (B, C, 1, 1)."""

    kind = "given"
