"""Larger maps from a network as it is: its last strides are taken away, in place.

Two ways. *Dilated* (a trous, Holschneider et al. 1989; Yu and Koltun, ICLR 2016): what follows a
removed stride reads cells as far apart as before, so every cell sees just what a cell of the
unaltered network would see there, and the unaltered map is that of every second (fourth) cell.
*Plain*, the paper's way (Appendix C): strides are removed and nothing else, pooling layers with
them; the layers that follow see a smaller part of the image than they were trained on.

Which layers these are is measured, not read from names: a pass of a copy without values (PyTorch's
meta device) shows at which stride each layer works.
"""

import copy
import math
from collections.abc import Callable
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pool = nn.MaxPool2d | nn.AvgPool2d
_STRIDED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


class _Seen(NamedTuple):
    """A layer in the unaltered network: the strides of what it reads and gives, and its sizes."""

    before: int
    after: int
    read: int
    given: int


def without_values(network: nn.Module) -> nn.Module:
    """A copy on the meta device, in evaluation mode: shapes alone."""
    return copy.deepcopy(network).to("meta").eval()


def built_without_values(build: Callable[[], nn.Module]) -> nn.Module:
    """What a function builds, on the meta device and in evaluation mode; draws nothing that counts.

    A few networks compute sizes with tensors as they are built, which needs values.
    """
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return build().eval()
        except (NotImplementedError, RuntimeError):
            with torch.device("cpu"):
                return build().to("meta").eval()


def stride_of(side: int, cells: int) -> int:
    """The power of two that a map's size is nearest to, as an image's side over its stride."""
    return 2 ** max(0, round(math.log2(side / cells)))


def no_such_map(name: str, stride: int, own: int) -> str:
    """What to say where a network cannot work at a stride."""
    return (
        f"map_size: {224 // stride}: {name!r} gives {224 // own} cells a side for 224 pixels, and "
        "its strides cannot be changed to give others. Write `map_size: native`."
    )


def change_strides(
    network: nn.Module, run: Callable[[nn.Module, Tensor], object], side: int, stride: int,
    *, dilated: bool,
) -> None:  # fmt: skip
    """Let no layer of a network work at more than this stride, in place.

    Layers that reduce a map otherwise than by strided convolution or pooling stay; measure the map
    afterwards.

    Args:
        network: with values or without.
        run: network, images (1, 3, side, side) -> whatever it computes up to the features.
        side: of the images that it is measured on, pixels.
        stride: the largest one, pixels for each cell of the map.
        dilated: spread what follows.
    """
    seen = _watched(network, run, side)
    # an even kernel has no middle: where all layers that halve a map have one, each may look
    # equally far to both sides; where odd ones work in parallel, theirs decides
    even = {
        before: all(_kernel(network.get_submodule(n)) % 2 == 0 for n in names)
        for before, names in _halving(network, seen).items()
    }
    for name, found in seen.items():
        layer = network.get_submodule(name)
        spread = max(1, found.before // stride)
        kept = min(found.after, stride) // min(found.before, stride)  # of the layer's own stride
        removed = found.after // found.before > kept
        if spread == 1 and not removed:
            continue
        if not dilated:
            if removed:
                _plain(network, name, layer, kept)
            continue
        if isinstance(layer, nn.Conv2d):
            _spread(layer, found, spread, kept, even.get(found.before, False))
        else:
            pool = _SpreadPool(
                cast(Pool, layer), found, spread, kept, even.get(found.before, False)
            )
            network.set_submodule(name, pool)


def _watched(
    network: nn.Module, run: Callable[[nn.Module, Tensor], object], side: int
) -> dict[str, _Seen]:
    """The layers that have, or may have, a stride, in the order in which they run."""
    shadow = without_values(network)
    seen: dict[str, _Seen] = {}

    def watch(name: str) -> Callable:
        def hook(layer: nn.Module, given: tuple[Tensor], found: Tensor) -> None:
            read, wrote = given[0].shape[-1], found.shape[-1]
            if read > 1:  # not the pooled features of an attention to channels
                before = stride_of(side, read)
                seen[name] = _Seen(before, before * _stride(layer), read, wrote)

        return hook

    for name, layer in shadow.named_modules():
        if isinstance(layer, _STRIDED):
            layer.register_forward_hook(watch(name))
    with torch.no_grad():
        run(shadow, torch.empty(1, 3, side, side, device="meta"))
    return seen


def _halving(network: nn.Module, seen: dict[str, _Seen]) -> dict[int, list[str]]:
    """By the stride before: the layers with a stride and a kernel of more than one cell."""
    found: dict[int, list[str]] = {}
    for name, each in seen.items():
        if each.after > each.before and _kernel(network.get_submodule(name)) > 1:
            found.setdefault(each.before, []).append(name)
    return found


def _first(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]


def _kernel(layer: nn.Module) -> int:
    return _first(layer.kernel_size)  # type: ignore[arg-type]


def _stride(layer: nn.Module) -> int:
    return _first(layer.stride)  # type: ignore[arg-type]


def _plain(network: nn.Module, name: str, layer: nn.Module, kept: int) -> None:
    """Remove a stride, or what pools.

    An even kernel reads the cells before and after its own, which keeps size and centre of the map.
    """
    if not isinstance(layer, nn.Conv2d):
        network.set_submodule(name, nn.Identity())
        return
    layer.stride = (kept, kept)
    if kept == 1 and _kernel(layer) % 2 == 0 and not isinstance(layer.padding, str):
        layer.dilation = (2, 2)
        layer.padding = tuple(size - 1 for size in layer.kernel_size)


def _margins(layer: nn.Module, found: _Seen, spread: int, kept: int, even: bool) -> tuple[int, int]:
    """Cells to add before and after: the original ones, spread, and what keeps the map's size."""
    reach = spread * _first(getattr(layer, "dilation", 1)) * (_kernel(layer) - 1)
    before = after = spread * _first(layer.padding)  # type: ignore[arg-type]
    if kept == 1 and found.given == -(-found.read * found.before // found.after):
        before = reach // 2 if even or _pads_itself(layer) else before
        after = reach - before
    return before, after


def _spread(layer: nn.Conv2d, found: _Seen, spread: int, kept: int, even: bool) -> None:
    """Dilate a convolution, in place, its padding with it."""
    alone = _kernel(layer) == 1 or isinstance(layer.padding, str) or _pads_itself(layer)
    before, after = (0, 0) if alone else _margins(layer, found, spread, kept, even)
    layer.stride = (kept, kept)
    layer.dilation = (spread * layer.dilation[0], spread * layer.dilation[1])
    if alone:
        return
    layer.padding = (min(before, after),) * 2
    if before != after:
        more = (max(before - after, 0), max(after - before, 0)) * 2
        layer.register_forward_pre_hook(_Padding(more))


def _pads_itself(layer: nn.Module) -> bool:
    """timm's layers that pad as TensorFlow does, by the size of what they are given."""
    return getattr(layer, "same_pad", False) or type(layer).__name__.endswith("Same")


class _Padding:
    """A hook that adds zeros before and after rows and columns."""

    def __init__(self, margins: tuple[int, ...]) -> None:
        self.margins = margins

    def __call__(self, layer: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
        return (F.pad(given[0], self.margins),)


class _SpreadPool(nn.Module):
    """A pooling layer that reads cells further apart: (B, C, h, w) -> (B, C, h', w')."""

    def __init__(self, layer: Pool, found: _Seen, spread: int, kept: int, even: bool) -> None:
        super().__init__()
        self.largest = isinstance(layer, nn.MaxPool2d)
        self.counts_all = self.largest or layer.count_include_pad
        self.kernel, self.stride, self.spread = _kernel(layer), kept, spread
        before, after = _margins(layer, found, spread, kept, even)
        self.margins = (before, after) * 2

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> the same size where the stride is gone."""
        border = -torch.inf if self.largest else 0.0
        padded = F.pad(features, self.margins, value=border)
        if self.largest:
            return F.max_pool2d(padded, self.kernel, self.stride, 0, self.spread)
        total = self._summed(padded)
        if self.counts_all:
            return total / self.kernel**2
        return total / self._summed(F.pad(torch.ones_like(features[:1, :1]), self.margins))

    def _summed(self, features: Tensor) -> Tensor:
        channels = features.shape[1]
        ones = features.new_ones(channels, 1, self.kernel, self.kernel)
        return F.conv2d(features, ones, stride=self.stride, dilation=self.spread, groups=channels)
