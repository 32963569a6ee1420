"""The patch tokens of a vision transformer as a map of features, for Grad-CAM and its family.

They are the normalised tokens that the last block attends to: after its attention a network that
reads its class token alone looks at no patch any more. Class token and registers are left out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.models.attention import Blocks, find_blocks


class Tokens(NamedTuple):
    """A layer whose output is tokens.

    Attributes:
        layer: images go through it as (B, N, D).
        blocks: of the network.
    """

    layer: nn.Module
    blocks: Blocks

    def as_map(self, tokens: Tensor) -> Tensor:
        """Tokens, or gradients at them: (B, N, D) -> (B, D, h, w)."""
        return self.blocks.as_map(tokens.transpose(1, 2))

    @contextmanager
    def cut(self) -> Iterator[list[Tensor]]:
        """The layer's output, a leaf at which gradients can be asked for, once images have gone.

        What comes before the layer is no part of the graph.
        """
        found: list[Tensor] = []

        def replace(module: nn.Module, given: object, output: Tensor) -> Tensor:
            found.append(output.detach().requires_grad_())
            return found[-1].clone()  # what follows may write into it

        with self.layer.register_forward_hook(replace):
            yield found


def find_tokens(model: nn.Module, images: Tensor) -> Tokens:
    """The tokens at the start of the last block: those that its first layer, a norm, gives.

    Where a block starts with another layer, its own input, the output of the block before.

    Args:
        model: images (B, 3, S, S) -> anything.
        images: (B, 3, S, S) to try it on.

    Raises:
        UserError: it is no vision transformer, see `pipeline.models.attention.find_blocks`.
    """
    blocks = find_blocks(model, images)
    last = blocks.modules[-1]
    calls: list[nn.Module] = []
    hooks = [
        module.register_forward_hook(lambda *call: calls.append(call[0]))
        for module in last.modules()
    ]
    with torch.no_grad():
        model(images[:1])
    for hook in hooks:
        hook.remove()
    if "norm" in type(calls[0]).__name__.lower():
        return Tokens(calls[0], blocks)
    return Tokens(blocks.modules[max(len(blocks.modules) - 2, 0)], blocks)
