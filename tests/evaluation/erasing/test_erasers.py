import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, pad

from pipeline.evaluation.erasing.erasers import ERASERS, blur_baseline


def image(seed=0, side=12):
    return torch.randn(3, side, side, generator=torch.Generator().manual_seed(seed))


def test_blur_is_the_convolution_with_a_gaussian_and_reflected_borders():
    x = torch.arange(31) - 15.0
    kernel = torch.exp(-(x[:, None] ** 2 + x**2) / (2 * 15.0**2))
    kernel = (kernel / kernel.sum())[None, None]
    images = torch.stack([image(1, 40), image(2, 40)])  # (2, 3, 40, 40)
    padded = pad(images, (15, 15, 15, 15), mode="reflect")
    plain = torch.stack([conv2d(each[:, None], kernel)[:, 0] for each in padded])
    assert torch.allclose(blur_baseline(images), plain, atol=1e-5)
    assert torch.allclose(blur_baseline(images[0]), plain[0], atol=1e-5)


@pytest.mark.parametrize("name", ["zero", "mean", "noisy_linear"])
def test_only_the_masked_pixels_change(name):
    masks = torch.rand(2, 12, 12, generator=torch.Generator().manual_seed(3)) < 0.3
    erased = ERASERS[name](image(), 0)(masks)
    for mask, result in zip(masks, erased, strict=True):
        assert torch.equal(result[:, ~mask], image()[:, ~mask])
        assert not torch.isclose(result[:, mask], image()[:, mask]).any(dim=0).all()


def test_zero_and_mean_are_colours():
    mask = torch.ones(1, 12, 12, dtype=torch.bool)
    assert (ERASERS["zero"](image(), 0)(mask) == 0).all()
    expected = image().mean(dim=(1, 2))[:, None, None].expand(3, 12, 12)
    assert torch.allclose(ERASERS["mean"](image(), 0)(mask)[0], expected)


def dense_road(picture, mask):
    """Every erased pixel is the weighted mean of its neighbours: a dense system, pixel by pixel."""
    side = len(mask)
    matrix, right = np.eye(side * side), picture.reshape(3, -1).T.copy()
    for y, x in zip(*np.nonzero(mask), strict=True):
        row, weights = y * side + x, {}
        for v in range(max(y - 1, 0), min(y + 2, side)):
            for u in range(max(x - 1, 0), min(x + 2, side)):
                if (v, u) != (y, x):
                    weights[v * side + u] = 2.0 if v == y or u == x else 1.0
        right[row] = 0
        for column, weight in weights.items():
            matrix[row, column] = -weight / sum(weights.values())
    return np.linalg.solve(matrix, right).T.reshape(picture.shape)


@pytest.mark.parametrize("seed", [0, 1])
def test_noisy_linear_solves_roads_system_up_to_its_noise(seed, monkeypatch):
    monkeypatch.setattr("pipeline.evaluation.erasing.erasers._NOISE", 0.0)
    mask = np.random.default_rng(seed).random((12, 12)) < 0.7
    mask[:3, :3] = True  # a corner
    picture = image(seed).double()
    erased = ERASERS["noisy_linear"](picture, 0)(torch.from_numpy(mask[None]))[0]
    assert np.allclose(erased.numpy(), dense_road(picture.numpy(), mask), atol=1e-6)


def test_the_noise_belongs_to_the_seed_and_nothing_erased_is_the_image():
    masks = torch.zeros(2, 12, 12, dtype=torch.bool)
    masks[1, 4:8, 4:8] = True
    first, again, other = (ERASERS["noisy_linear"](image(), seed)(masks) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert torch.equal(first[0], image())
    assert not torch.equal(first[1], other[1])
