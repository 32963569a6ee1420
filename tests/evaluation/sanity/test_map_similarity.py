import cv2
import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from pipeline.evaluation.sanity.map_similarity import spearman, ssim


def maps(seed, count=4, height=20, width=17):
    return torch.rand(count, height, width, generator=torch.Generator().manual_seed(seed))


def test_spearman_equals_scipy_with_ties_too():
    first, second = maps(0), maps(1)
    second = 0.7 * first + 0.3 * second
    first[1] = (first[1] * 3).floor()  # many ties
    second[2] *= -1
    found = spearman(first, second)
    for row in range(4):
        expected = spearmanr(first[row].flatten(), second[row].flatten()).statistic
        assert found[row] == pytest.approx(expected, abs=1e-12)
    assert found[0] > 0.5
    assert found[2] < -0.5


def test_only_the_order_matters_to_spearman():
    first = maps(0)
    assert spearman(first, first.exp()).tolist() == pytest.approx([1.0] * 4)
    assert spearman(first, -first).tolist() == pytest.approx([-1.0] * 4)


def test_a_constant_map_has_no_rank_correlation():
    first, second = maps(0), maps(1)
    first[1] = 0.5
    second[2] = 0.0
    assert np.isnan(spearman(first, second)).tolist() == [False, True, True, False]


def _ssim_by_opencv(a, b):
    """The index of Wang et al. at every place, with OpenCV's Gaussian window."""

    def mean(image):
        return cv2.GaussianBlur(image, (11, 11), 1.5)[5:-5, 5:-5]

    mu_a, mu_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mu_a**2, mean(b * b) - mu_b**2
    covariance = mean(a * b) - mu_a * mu_b
    luminance = (2 * mu_a * mu_b + 0.01**2) / (mu_a**2 + mu_b**2 + 0.01**2)
    rest = (2 * covariance + 0.03**2) / (var_a + var_b + 0.03**2)
    return (luminance * rest).mean()


def test_ssim_equals_the_formula_with_opencv():
    first = maps(0)
    second = (0.6 * first + 0.4 * maps(1)).clamp(0, 1)
    found = ssim(first, second)
    pairs = zip(first.double().numpy(), second.double().numpy(), strict=True)
    expected = [_ssim_by_opencv(a, b) for a, b in pairs]
    assert found == pytest.approx(expected, abs=1e-9)
    assert 0.2 < found.min() < found.max() < 0.95


def test_ssim_of_a_window_written_out():
    """On 3 x 4 maps the window is 3 x 3 and lies at two places."""
    a, b = maps(0, 1, 3, 4)[0].double().numpy(), maps(1, 1, 3, 4)[0].double().numpy()
    weights = np.exp(-np.array([[2, 1, 2], [1, 0, 1], [2, 1, 2]]) / (2 * 1.5**2))
    weights /= weights.sum()
    indices = []
    for left in (0, 1):
        u, v = a[:, left : left + 3], b[:, left : left + 3]
        mu, nu = (weights * u).sum(), (weights * v).sum()
        var_u, var_v = (weights * (u - mu) ** 2).sum(), (weights * (v - nu) ** 2).sum()
        cov = (weights * (u - mu) * (v - nu)).sum()
        luminance = (2 * mu * nu + 1e-4) / (mu**2 + nu**2 + 1e-4)
        indices.append(luminance * (2 * cov + 9e-4) / (var_u + var_v + 9e-4))
    found = ssim(torch.tensor(a)[None], torch.tensor(b)[None])
    assert found == pytest.approx([np.mean(indices)], abs=1e-12)


def test_ssim_is_one_for_equal_maps_and_defined_for_constant_ones():
    first = maps(0)
    assert ssim(first, first) == pytest.approx([1.0] * 4)
    assert ssim(torch.zeros(1, 12, 12), torch.zeros(1, 12, 12)).tolist() == [1.0]
    opposite = ssim(torch.zeros(1, 12, 12), torch.ones(1, 12, 12))
    assert opposite == pytest.approx([1e-4 / (1 + 1e-4)])
