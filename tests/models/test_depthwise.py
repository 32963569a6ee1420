"""Quick depthwise convolutions against PyTorch's own."""

import copy

import pytest
import torch
from torch import nn

from pipeline.models.depthwise import DepthwiseConv2d, quicken


def conv(kernel, spread, channels=6, **options):
    margin = spread * (kernel // 2)
    options = {"padding": margin, "dilation": spread, "groups": channels, "bias": False} | options
    return nn.Conv2d(channels, channels, kernel, **options)


def gradients(layer, maps):
    maps = maps.clone().requires_grad_()
    output = layer(maps)
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view(output.shape)
    output.backward(weights)
    return output.detach(), maps.grad, [parameter.grad for parameter in layer.parameters()]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("kernel", "spread"), [(5, 1), (5, 2), (3, 2), (7, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_map_and_same_gradients(kernel, spread, dtype, bias, layout):
    torch.manual_seed(0)
    own = conv(kernel, spread, bias=bias).to(dtype)
    quick = copy.deepcopy(own)
    quicken(quick)
    assert type(quick) is DepthwiseConv2d
    maps = torch.randn(3, 6, 9, 11, dtype=dtype).to(memory_format=layout)
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {}
    torch.testing.assert_close(gradients(quick, maps), gradients(own, maps), **tolerance)


def relative(found, truth):
    return (found - truth).norm() / truth.norm()


def test_half_precision_as_well_as_pytorchs():
    torch.manual_seed(1)
    own = conv(5, 2, channels=16)
    quick, exact = copy.deepcopy(own), copy.deepcopy(own).double()
    quicken(quick)
    maps = torch.randn(8, 16, 14, 14)
    _, truth, (of_kernel,) = gradients(exact, maps.double())

    def errors(layer):
        with torch.autocast("cpu", torch.bfloat16):
            _, by_maps, (by_kernel,) = gradients(layer, maps)
        return (by_maps - truth).norm() / truth.norm(), (
            by_kernel - of_kernel
        ).norm() / of_kernel.norm()

    for of_quick, of_own in zip(errors(quick), errors(own), strict=True):
        assert of_quick < 2 * of_own


@pytest.mark.parametrize(
    "other",
    [
        conv(3, 1),  # PyTorch is quick with it
        conv(5, 2, stride=2),
        conv(5, 1, padding=0),
        conv(5, 1, groups=1),
        conv(5, 1, padding_mode="reflect"),
        conv(4, 1),
    ],
)
def test_other_convolutions_stay(other):
    quicken(other)
    assert type(other) is nn.Conv2d


def test_without_gradients_and_for_frozen_kernels():
    quick = conv(5, 1)
    quicken(quick)
    maps = torch.randn(1, 6, 8, 8)
    with torch.inference_mode():
        plain = quick(maps)
    torch.testing.assert_close(plain, quick(maps))
    quick.requires_grad_(False)
    assert gradients(quick, maps)[2] == [None]
