"""The self-attention of a vision transformer: its blocks, and its weights as tensors of the graph.

Libraries compute attention in one fused call, which hides the weights. While they are recorded here
the same call is computed in its three steps instead. It works for any network whose blocks attend
through `torch.nn.functional.scaled_dot_product_attention`, as those of timm, torchvision
(`nn.MultiheadAttention`) and transformers do.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.switching import switched
from pipeline.runtime.errors import UserError

PREFIX = 16  # more tokens than these before the patches are no class token and registers


class Blocks(NamedTuple):
    """The blocks of a vision transformer, each with one attention of all tokens to all.

    Attributes:
        modules: in their order; tokens (B, N, D) -> tokens (B, N, D).
        prefix: how many tokens stand before those of the patches (class token, registers).
        grid: (h, w) of the patches, which are in the order of rows; N = prefix + h w.
    """

    modules: tuple[nn.Module, ...]
    prefix: int
    grid: tuple[int, int]

    def as_map(self, tokens: Tensor) -> Tensor:
        """The last dimension of tokens as the map of the patches: (..., N) -> (..., h, w)."""
        return tokens[..., self.prefix :].unflatten(-1, self.grid)

    @contextmanager
    def skipped(self, tokens: Tensor) -> Iterator[None]:
        """The network as if its blocks gave ``tokens`` (B, N, D): its own end reads them."""
        *earlier, last = self.modules
        with ExitStack() as undo:
            for block in earlier:
                block.forward = lambda given, *_, **__: given
                undo.callback(delattr, block, "forward")
            last.forward = lambda *_, **__: tokens
            undo.callback(delattr, last, "forward")
            yield


@contextmanager
def recorded(keep: Callable[[Tensor], Any]) -> Iterator[None]:
    """While it lasts, ``keep`` is given every attention's weights (B, heads, N, N), rows sum to 1.

    They are tensors of the graph: the output depends on them.
    """
    fused = F.scaled_dot_product_attention

    def in_steps(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        **options: Any,
    ) -> Tensor:
        if is_causal or options.get("enable_gqa"):  # no attention of all tokens to all
            return fused(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, **options)
        scores = query @ key.transpose(-2, -1) * (scale or query.shape[-1] ** -0.5)
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attn_mask, -torch.inf)
        elif attn_mask is not None:
            scores = scores + attn_mask
        weights = scores.softmax(dim=-1)
        keep(weights)
        return weights @ value

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it would go round the function
    try:
        with mock.patch.object(F, "scaled_dot_product_attention", in_steps):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextmanager
def fusing(model: nn.Module) -> Iterator[None]:
    """While it lasts, timm's attentions call the fused function, whatever the machine's default."""
    with switched(model, "fused_attn", to=True):
        yield


class _Trace:
    """What happens while images go through a model."""

    def __init__(self) -> None:
        self.open: list[nn.Module] = []  # modules that are running, the outermost first
        self.attentions: list[tuple[list[nn.Module], torch.Size]] = []
        self.outputs: dict[nn.Module, torch.Size] = {}
        self.maps: list[tuple[int, int]] = []  # (h, w) of maps before any attention

    def enter(self, module: nn.Module, *_: Any) -> None:
        self.open.append(module)

    def leave(self, module: nn.Module, given: Any, found: Any) -> None:
        self.open.pop()
        if isinstance(found, Tensor):
            self.outputs[module] = found.shape
            if found.ndim == 4 and not self.attentions:
                self.maps.append((found.shape[2], found.shape[3]))

    def attend(self, weights: Tensor) -> None:
        self.attentions.append((list(self.open), weights.shape))


@torch.no_grad()
def find_blocks(model: nn.Module, images: Tensor) -> Blocks:
    """The blocks of a vision transformer, found by what happens in it, not by names.

    Args:
        model: images (B, 3, S, S) -> anything.
        images: (1, 3, S, S) to try it on.

    Raises:
        UserError: it has no attention that is seen, or not of all patches to all.
    """
    trace = _Trace()
    with ExitStack() as undo:
        undo.enter_context(fusing(model))
        for module in model.modules():
            undo.callback(module.register_forward_pre_hook(trace.enter).remove)
            undo.callback(module.register_forward_hook(trace.leave).remove)
        undo.enter_context(recorded(trace.attend))
        model(images[:1])
    if not trace.attentions:
        raise UserError(
            "the network has no attention (through scaled_dot_product_attention), which vision "
            "transformers have"
        )
    tokens = trace.attentions[0][1][-1]
    # of the patches' embedding; a head's queries (B, heads, N, d) have four dimensions too
    fitting = [grid for grid in trace.maps if 0 <= tokens - grid[0] * grid[1] <= PREFIX]
    global_ = all(
        len(shape) == 4 and shape[0] == 1 and shape[2] == shape[3] == tokens
        for _, shape in trace.attentions
    )
    if not fitting or not global_:
        raise UserError(
            "its attention is not of all patches of the image to all: it works within windows, on "
            "other tokens, or pools by attention"
        )
    found = [_block(trace, modules, tokens) for modules, _ in trace.attentions]
    blocks = tuple(dict.fromkeys(block for block in found if block is not None))
    if len(blocks) < len(found):
        raise UserError("its attentions are not each in a block of its own, tokens -> tokens")
    height, width = fitting[-1]
    return Blocks(blocks, tokens - height * width, (height, width))


def _block(trace: _Trace, modules: list[nn.Module], tokens: int) -> nn.Module | None:
    """The outermost of nested modules that gives tokens and has no other attention."""
    for module in modules:
        inside = sum(module in others for others, _ in trace.attentions)
        shape = trace.outputs.get(module, ())
        if inside == 1 and len(shape) == 3 and shape[1] == tokens:
            return module
    return None
