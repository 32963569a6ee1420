"""What erased pixels are replaced by (paper, section 5.3, and the literature after it).

An eraser prepares an image once and then erases any masks of it: images are (3, H, W) float32,
normalised; masks bool (M, H, W); results (M, 3, H, W).
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import splu
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

Erase = Callable[[Tensor], Tensor]  # masks (M, H, W) -> images (M, 3, H, W)

# ROAD's weights of the 8 neighbours of a pixel: those beside it, and those at its corners
_NEIGHBOURS = [
    (dy, dx, 1 / 6 if dy == 0 or dx == 0 else 1 / 12)
    for dy in (-1, 0, 1)
    for dx in (-1, 0, 1)
    if (dy, dx) != (0, 0)
]
_NOISE = 0.01  # standard deviation of the noise, in standard deviations of ImageNet's colours


def blur_baseline(images: Tensor, kernel_size: int = 31, sigma: float = 15.0) -> Tensor:
    """Gaussian blur, "meaningful perturbation" of the type blur (section 5.3), borders reflected.

    Args:
        images: (B, 3, H, W) or (3, H, W) floats; H and W exceed ``kernel_size / 2``.
        kernel_size: side of the kernel, pixels, odd.
        sigma: standard deviation, pixels.

    Returns:
        The same shape.
    """
    return gaussian_blur(images, [kernel_size, kernel_size], [sigma, sigma])


def blur(image: Tensor, seed: int) -> Erase:
    """The blurred image."""
    return _replacing(image, blur_baseline(image))


def zero(image: Tensor, seed: int) -> Erase:
    """Zero, which is ImageNet's mean colour, as in the released code."""
    return _replacing(image, torch.zeros_like(image))


def mean(image: Tensor, seed: int) -> Erase:
    """The image's own mean colour."""
    return _replacing(image, image.mean(dim=(1, 2), keepdim=True).expand_as(image))


def noisy_linear(image: Tensor, seed: int) -> Erase:
    """Noisy linear imputation of ROAD (Rong et al., ICML 2022).

    Every erased pixel is the weighted mean of its eight neighbours, erased or not, which is a
    sparse linear system, and a little noise on top: it hides the shape of the mask, so that the
    mask itself gives nothing away.
    """
    height, width = image.shape[1:]
    generator = np.random.default_rng(seed)
    noise = _NOISE * generator.standard_normal((3, height, width)).astype(np.float32)
    known = image.cpu().numpy()

    def erase(masks: Tensor) -> Tensor:
        erased = [
            np.where(mask, _imputed(known, mask) + noise, known) for mask in masks.cpu().numpy()
        ]
        return torch.from_numpy(np.stack(erased)).to(image.device, image.dtype)

    return erase


def _imputed(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The solution of ROAD's system at the erased pixels, the image elsewhere: (3, H, W)."""
    height, width = mask.shape
    unknown = np.flatnonzero(mask)
    if not len(unknown):
        return image
    if len(unknown) == mask.size:  # nothing to interpolate from
        return np.broadcast_to(image.mean(axis=(1, 2), keepdims=True), image.shape)
    place = np.full(mask.size, -1)
    place[unknown] = np.arange(len(unknown))
    y, x = np.divmod(unknown, width)
    total = np.zeros(len(unknown))
    right = np.zeros((len(unknown), 3))
    rows, columns, weights = [], [], []
    for dy, dx, weight in _NEIGHBOURS:
        inside = (y + dy >= 0) & (y + dy < height) & (x + dx >= 0) & (x + dx < width)
        here = np.flatnonzero(inside)
        there = (y[here] + dy) * width + x[here] + dx
        total[here] += weight
        is_unknown = place[there] >= 0
        rows.append(here[is_unknown])
        columns.append(place[there[is_unknown]])
        weights.append(np.full(is_unknown.sum(), weight))
        right[here[~is_unknown]] += weight * image.reshape(3, -1)[:, there[~is_unknown]].T
    size = (len(unknown), len(unknown))
    indices = (np.concatenate(rows), np.concatenate(columns))
    coupling = coo_array((np.concatenate(weights), indices), shape=size)
    solved = splu((diags_array(total) - coupling).tocsc()).solve(right)  # (n, 3)
    filled = image.reshape(3, -1).copy()
    filled[:, unknown] = solved.T
    return filled.reshape(image.shape)


def _replacing(image: Tensor, replacement: Tensor) -> Erase:
    return lambda masks: torch.where(masks[:, None].to(image.device), replacement, image)


ERASERS: dict[str, Callable[[Tensor, int], Erase]] = {
    "blur": blur,
    "zero": zero,
    "mean": mean,
    "noisy_linear": noisy_linear,
}
