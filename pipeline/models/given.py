"""A classifier from elsewhere, explained and measured as it is: images -> logits.

`GivenModel` has the interface of `pipeline.models.classifier.Classifier`. Where the network ends in
pooling and a linear layer its class activations are maps of their own, and CAM is possible; the end
is found by comparing numbers, not by names. Otherwise the "map" of a class is its logit alone, one
cell, and methods that need logits alone work on it.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.heads import Head
from pipeline.runtime.errors import UserError

TOLERANCE = 1e-4  # relative, between a network's logits and those of the end that was found


class _End(NamedTuple):
    """Features (B, channels, h, w) -> class activations whose mean is the logits."""

    layer: nn.Module  # whose output, after ``finish``, is the features
    finish: Callable[[Tensor], Tensor]
    weight: Tensor  # (C, channels)
    bias: Tensor  # (C,)


class _Trunk(nn.Module):
    """Images -> {"features": (B, channels, h, w)}, read off a layer of the unaltered network."""

    def __init__(
        self, network: nn.Module, layer: nn.Module, finish: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self._network = [network]  # no submodule: it is the model's
        self._layer, self._finish = [layer], finish

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        found: list[Tensor] = []
        with self._layer[0].register_forward_hook(lambda *call: found.append(call[2])):
            self._network[0](images)
        return {"features": self._finish(found[-1])}


class _NoTrunk(nn.Module):
    """Stands for the features that are not known."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        raise UserError(
            "This network does not end in pooling and a linear layer, so methods at its features "
            "cannot be computed. Use a method that needs logits alone, such as gradient."
        )


class CamEnd(Head):
    """The end of a network that pools and has a linear layer: features -> class activations."""

    kind = "cam"
    has_logits = True
    rectified = False
    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__({})
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, channels, h, w) -> class activations (B, C, h, w)."""
        weight = self.weight.to(features)[..., None, None]  # (C, channels, 1, 1)
        return F.conv2d(features, weight, self.bias.to(features))

    def logits(self, maps: Tensor) -> Tensor:
        """The pooled activations: (B, C, h, w) -> (B, C)."""
        return maps.mean(dim=(2, 3))

    def log_probs(self, maps: Tensor) -> Tensor:
        """log p(y|x): (B, C, h, w) -> (B, C)."""
        return F.log_softmax(self.logits(maps), dim=1)


class LogitEnd(CamEnd):
    """The end of any other network: its maps are the logits, (B, C, 1, 1)."""

    kind = "given"

    def __init__(self) -> None:
        super().__init__(torch.zeros(0), torch.zeros(0))


class GivenModel(nn.Module):
    """A classifier that is explained and measured as it is.

    Args:
        network: images (B, 3, S, S), normalised -> logits (B, C).
        side: of the images that the network is tried on, pixels.

    Raises:
        UserError: it fails on an image, or gives no logits.
    """

    def __init__(self, network: nn.Module, side: int = 224) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        probe = torch.randn(
            (2, 3, side, side), generator=torch.Generator().manual_seed(0)
        )  # two, so that a batch norm in training mode would show
        logits = _logits(network, probe)
        self.num_classes = logits.shape[1]
        end = _end(network, probe, logits)
        self.head = CamEnd(end.weight, end.bias) if end else LogitEnd()
        self.trunk = _Trunk(network, end.layer, end.finish) if end else _NoTrunk()

    @property
    def kind(self) -> str:
        """``"cam"`` where class activations are known, else ``"given"``."""
        return self.head.kind

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.num_classes

    def forward(self, images: Tensor) -> Tensor:
        """Class activations (B, C, h, w), or the logits as (B, C, 1, 1)."""
        if isinstance(self.trunk, _NoTrunk):
            return self.network(images)[:, :, None, None]
        return self.head(self.trunk(images)["features"])

    def class_maps(self, inputs: Tensor, maps: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """The maps (K, h, w) of single classes: of images (K,) the classes ``labels`` (K,)."""
        return maps[images, labels]

    def logits(self, images: Tensor) -> Tensor:
        """The network's own output: (B, 3, S, S) -> (B, C)."""
        return self.network(images)

    def log_probs(self, images: Tensor) -> Tensor:
        """log p(y|x), the log-softmax of the logits: (B, 3, S, S) -> (B, C)."""
        return F.log_softmax(self.logits(images), dim=1)


def _logits(network: nn.Module, images: Tensor) -> Tensor:
    """What a network gives for images, checked to be logits."""
    try:
        with torch.no_grad():
            found = network(images)
    except Exception as error:  # a network of somebody's own raises what it likes
        raise UserError(
            f"The network {type(network).__name__} fails on images {tuple(images.shape)}: {error}"
        ) from error
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(images):
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise UserError(
            f"The network {type(network).__name__} gives {shape} for {len(images)} images. Give a "
            "classifier: images (B, 3, H, W) -> logits (B, C)."
        )
    return found


def _identity(features: Tensor) -> Tensor:
    return features


def _end(network: nn.Module, probe: Tensor, logits: Tensor) -> _End | None:
    """The pooling and linear layer that a network ends in, or None.

    Every module's output is recorded on a probe. The linear layer is the one whose output is the
    logits; the features are the last output (B, channels, h, w) whose mean over places, perhaps
    after a ReLU, is that layer's input.
    """
    calls: list[tuple[nn.Module, tuple, Tensor]] = []
    hooks = [
        module.register_forward_hook(
            lambda module, given, found: (
                calls.append((module, given, found)) if isinstance(found, Tensor) else None
            )
        )
        for module in network.modules()
    ]
    try:
        _logits(network, probe)
    finally:
        for hook in hooks:
            hook.remove()
    linear = next(
        (
            (module, given[0])
            for module, given, found in reversed(calls)
            if isinstance(module, nn.Linear) and _close(found, logits)
        ),
        None,
    )
    if linear is None:
        return None
    layer, pooled = linear
    for module, _, features in reversed(calls):
        if features.ndim != 4 or features.shape[:2] != pooled.shape or features[0, 0].numel() < 2:
            continue
        for finish in (_identity, F.relu):
            if _close(finish(features).mean(dim=(2, 3)), pooled):
                bias = layer.bias if layer.bias is not None else torch.zeros(len(layer.weight))
                return _End(module, finish, layer.weight.detach(), bias.detach())
    return None


def _close(found: Tensor, expected: Tensor) -> bool:
    """Whether two results are the same but for rounding."""
    if found.shape != expected.shape:
        return False
    return bool((found - expected).abs().max() <= TOLERANCE * expected.abs().max())
