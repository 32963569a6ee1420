"""How a network lays out its features, and the map (B, channels, h, w) that they are."""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn


class Layout(NamedTuple):
    """Of features: ``NCHW``, ``NHWC``, or ``NLC`` (tokens), whose first ``prefix`` are no places.

    Those are class tokens and registers.
    """

    form: Literal["NCHW", "NHWC", "NLC"]
    prefix: int = 0

    def as_map(self, features: Tensor) -> Tensor:
        """Features in this layout -> (B, channels, h, w); the tokens are those of a square."""
        if self.form == "NCHW":
            return features
        if self.form == "NHWC":
            return features.permute(0, 3, 1, 2)
        side = math.isqrt(features.shape[1] - self.prefix)
        return features[:, self.prefix :].transpose(1, 2).unflatten(2, (side, side))

    def put_back(self, features: Tensor, changed: Tensor) -> Tensor:
        """Features in this layout whose map is ``changed`` (B, channels, h, w)."""
        if self.form == "NCHW":
            return changed
        if self.form == "NHWC":
            return changed.permute(0, 2, 3, 1)
        tokens = changed.flatten(2).transpose(1, 2)
        return torch.cat([features[:, : self.prefix], tokens], dim=1)


def layout_of(features: Tensor, network: nn.Module) -> Layout | None:
    """The layout of a network's features, found by their shape; None if they are no map.

    Args:
        features: what the network, or a part of it, gives for square images.
        network: a timm network may say ``num_prefix_tokens`` and ``output_fmt``.
    """
    if features.ndim == 4:
        _, first, second, third = features.shape
        if second == third > 1 and (first != second or _says(network) != "NHWC"):
            return Layout("NCHW")
        return Layout("NHWC") if first == second > 1 else None
    if features.ndim == 3:
        says = getattr(network, "num_prefix_tokens", None)
        for prefix in (0, 1, 2) if says is None else (says,):
            places = features.shape[1] - prefix
            if places > 1 and math.isqrt(places) ** 2 == places:
                return Layout("NLC", prefix)
    return None


def _says(network: nn.Module) -> str:
    return str(getattr(network, "output_fmt", "NCHW"))
