"""torchvision's transformers as trunks: their tokens as a map, for images of any size.

A ViT's patch tokens after its last norm are the map, without the class token; for images of another
size than it was built for, torchvision's own function resizes its position embedding. Swin has no
positions but those within its windows, and pads windows itself.
"""

import math
from collections import OrderedDict
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torchvision.models import SwinTransformer, VisionTransformer
from torchvision.models.vision_transformer import interpolate_embeddings

from pipeline.models.hooked_trunks import Reader
from pipeline.models.layouts import Layout
from pipeline.runtime.errors import UserError

POSITIONS = "encoder.pos_embedding"  # (1, 1 + patches, D) of a ViT
SIDE = 224  # of the images for which torchvision builds its ViTs, pixels


class Family(NamedTuple):
    """How to read networks of one kind.

    Attributes:
        read_map: network, images (B, 3, S, S) -> (B, channels, h, w).
        heads: prefix of the names of what is no part of a trunk.
        classifier: the linear layer on the mean of the map, if it is one, else empty.
    """

    read_map: Reader
    heads: str
    classifier: str


def _of_vit(network: nn.Module, images: Tensor) -> Tensor:
    vit = cast(VisionTransformer, network)
    side, patch = images.shape[-1], vit.patch_size
    if side % patch:
        raise UserError(
            f"Images of {side} pixels cannot be divided into patches of {patch}. Give a multiple "
            f"of {patch}, such as {max(1, round(side / patch)) * patch}."
        )
    patches = vit.conv_proj(images).flatten(2).transpose(1, 2)  # (B, h w, D)
    tokens = torch.cat([vit.class_token.expand(len(images), -1, -1), patches], dim=1)
    own = vit.encoder.pos_embedding
    positions = (
        {} if own.shape[1] == tokens.shape[1] else {"pos_embedding": _resized(vit, own, side)}
    )
    return Layout("NLC", prefix=1).as_map(functional_call(vit.encoder, positions, tokens))


def _resized(vit: VisionTransformer, positions: Tensor, side: int) -> Tensor:
    """The position embedding for images of a side, pixels; the same tensor for its own."""
    state = OrderedDict({POSITIONS: positions})
    return interpolate_embeddings(side, vit.patch_size, state)[POSITIONS]


def _of_swin(network: nn.Module, images: Tensor) -> Tensor:
    swin = cast(SwinTransformer, network)
    return swin.permute(swin.norm(swin.features(images)))


_FAMILIES = {
    "vit_": Family(_of_vit, "heads.", ""),  # which read the class token
    "swin_": Family(_of_swin, "head.", "head"),
}


def family_of(name: str) -> Family | None:
    """How to read a network of torchvision by its name; None of one that is no transformer."""
    return next((each for start, each in _FAMILIES.items() if name.startswith(start)), None)


def as_built(network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights for a network; those of a ViT for images of another size get its own positions.

    Args:
        network: any; others than torchvision's ViTs get the weights as they are.
        state: of a file, under the network's names.
    """
    positions = state.get(POSITIONS)
    if not isinstance(network, VisionTransformer) or positions is None:
        return state
    if positions.ndim != 3 or math.isqrt(positions.shape[1] - 1) ** 2 != positions.shape[1] - 1:
        return state  # not of a square of patches
    return state | {POSITIONS: _resized(network, positions, network.image_size)}
