"""Depthwise convolutions whose gradient is quick on a CPU.

oneDNN, which PyTorch calls, has no fast gradient for large or dilated depthwise kernels: of an
EfficientNet-Lite0 training step with maps of 14x14 it takes four fifths. The same gradient is made
of operations that are fast. That of the input is a convolution with the kernel turned round; that
of the kernel, in half precision, one sum per tap. On a GPU, and without gradients, nothing changes.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution of stride 1 that keeps the size of the map."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        wanted = torch.is_grad_enabled() and (input.requires_grad or weight.requires_grad)
        if input.device.type != "cpu" or not wanted:
            return super()._conv_forward(input, weight, bias)
        if torch.is_autocast_enabled("cpu"):
            half = torch.get_autocast_dtype("cpu")
            input, weight = input.to(half), weight.to(half)
        output: Tensor = _Depthwise.apply(input, weight, self.dilation[0])
        return output if bias is None else output + bias.to(output.dtype)[:, None, None]


def quicken(network: nn.Module) -> None:
    """Let the depthwise convolutions of a network that PyTorch is slow with be quick, in place."""
    for layer in network.modules():
        if type(layer) is nn.Conv2d and _is_slow(layer):
            layer.__class__ = DepthwiseConv2d


def _is_slow(layer: nn.Conv2d) -> bool:
    (height, width), (spread, other) = layer.kernel_size, layer.dilation
    return (
        layer.groups == layer.in_channels == layer.out_channels > 1
        and height == width
        and height % 2 == 1
        and spread == other
        and (height > 3 or spread > 1)
        and tuple(layer.stride) == (1, 1)
        and layer.padding == (_margin(height, spread),) * 2
        and layer.padding_mode == "zeros"
    )


def _margin(kernel: int, spread: int) -> int:
    """The cells of padding, to each side, that keep the size of a map."""
    return spread * (kernel // 2)


def _convolved(maps: Tensor, weight: Tensor, spread: int) -> Tensor:
    margin = _margin(weight.shape[-1], spread)
    return F.conv2d(maps, weight, padding=margin, dilation=spread, groups=len(weight))


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, spread: int) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.spread = spread
        return _convolved(maps, weight, spread)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        maps, weight = ctx.saved_tensors
        of_maps, of_weight = ctx.needs_input_grad[:2]
        return (
            _convolved(gradient, weight.flip(2, 3), ctx.spread) if of_maps else None,
            _of_weight(maps, weight, gradient, ctx.spread) if of_weight else None,
            None,
        )


def _of_weight(maps: Tensor, weight: Tensor, gradient: Tensor, spread: int) -> Tensor:
    """The gradient of the kernels, (C, 1, K, K)."""
    kernel = weight.shape[-1]
    margin = _margin(kernel, spread)
    if maps.dtype == torch.float32:  # here PyTorch's own is the quicker one
        found: Tensor = torch.ops.aten.convolution_backward(
            gradient, maps, weight, None, [1, 1], [margin] * 2, [spread] * 2, False, [0, 0],
            len(weight), [False, True, False],
        )[1]  # fmt: skip
        return found
    height, width = gradient.shape[2:]
    padded = F.pad(maps, (margin,) * 4)
    taps = [
        (padded[:, :, top : top + height, left : left + width] * gradient).sum(dim=(0, 2, 3))
        for top in range(0, spread * kernel, spread)
        for left in range(0, spread * kernel, spread)
    ]
    return torch.stack(taps, dim=1).view(weight.shape)
