"""Maps on the pixels of the image, against PyTorch's interpolation."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from pipeline.images.enlarging import resized, upsampled

SHAPES = [
    ((14, 14), (224, 224)),
    ((7, 9), (30, 20)),
    ((1, 1), (5, 5)),
    ((3, 1), (8, 4)),
    ((40, 40), (12, 17)),  # smaller
]


@pytest.mark.parametrize(
    ("mode", "dtype", "tolerance"),
    [
        ("bilinear", np.float64, 1e-13),
        ("bilinear", np.float32, 1e-5),  # PyTorch rounds the places, too
        ("bicubic", np.float64, 1e-13),
    ],
)
@pytest.mark.parametrize(("shape", "size"), SHAPES)
def test_as_pytorch(mode, shape, size, dtype, tolerance):
    maps = np.random.default_rng(0).normal(size=(3, *shape)).astype(dtype)
    expected = interpolate(torch.from_numpy(maps)[:, None], size, mode=mode, align_corners=False)
    found = resized(maps, size, mode)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected[:, 0].numpy(), rtol=0, atol=tolerance)


def test_a_map_of_the_right_size_is_itself():
    maps = np.random.default_rng(1).normal(size=(2, 6, 6))
    assert resized(maps, (6, 6), "bicubic") is maps


def test_pixel_maps_are_double_precision():
    smallest = np.full((1, 2, 2), 1e-40, np.float32)
    found = upsampled(smallest, 4)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, 1e-40, rtol=1e-5)
