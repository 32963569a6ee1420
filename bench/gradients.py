"""Gradient methods of SqueezeNet at 224 pixels against a plain loop over their samples.

Both put ten images through the network at once, so that both need the same memory: ours ten points
of one image, the loop one point of ten images.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from bench.harness import Path
from pipeline.attribution.input_gradients import POINTS
from pipeline.attribution.methods.noise import noisy_copies
from pipeline.attribution.query import Query
from pipeline.models.classifier import Classifier, build_classifier
from pipeline.settings import Attribution, Training, TrainJob

IMAGES, SAMPLES, CLASSES, SIDE = POINTS, 4, 50, 224
NOISE_METHODS = ("smoothgrad", "smoothgrad_squared", "vargrad")
OPTIONS = Attribution.model_validate(
    {
        "target": "log_prob",
        "integrated_gradients": {"steps": SAMPLES},
        "noise": {"samples": SAMPLES},
        "gradient_maps": {"blur_sigma": 0, "minmax": False},
    }
)


def paths() -> Iterator[Path]:
    """Integrated gradients, and the three noise methods, of ten images."""
    job = TrainJob(trunk="squeezenet1_0", weights="none", seed=0, training=Training(method="cam"))
    model = build_classifier(job, CLASSES).eval()
    images = torch.randn(IMAGES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    names = [f"{index}.jpg" for index in range(IMAGES)]
    labels = torch.arange(IMAGES)

    def query() -> Query:
        classes = [(label,) for label in labels.tolist()]
        return Query(model, images, labels, classes, names, OPTIONS)

    yield Path(
        "integrated gradients, an image",
        lambda: query().maps("integrated_gradients"),
        lambda: _integrated(model, images, labels),
        _same_maps,
        1,
        units=IMAGES,
        repeats=2,
    )
    yield Path(
        "three noise methods, an image",
        lambda: _ours_with_noise(query()),
        lambda: torch.stack([_noisy(model, images, labels, names, m) for m in NOISE_METHODS]),
        _same_maps,
        3,
        units=IMAGES,
        repeats=2,
    )


def _ours_with_noise(query: Query) -> Tensor:
    return torch.stack([query.maps(method) for method in NOISE_METHODS])


def _gradient(model: Classifier, points: Tensor, labels: Tensor) -> Tensor:
    points = points.detach().requires_grad_()
    model.log_probs(points).gather(1, labels[:, None]).sum().backward()
    return points.grad


def _integrated(model: Classifier, images: Tensor, labels: Tensor) -> Tensor:
    """Gauss-Legendre quadrature on [0, 1] from the image of zeros."""
    nodes, weights = np.polynomial.legendre.leggauss(SAMPLES)
    total = torch.zeros_like(images)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        total += weight * _gradient(model, node * images, labels)
    return (images * total).sum(dim=1)


def _noisy(
    model: Classifier, images: Tensor, labels: Tensor, names: list[str], method: str
) -> Tensor:
    """One method of the three, with the noise that ours draws."""
    noisy = [
        torch.cat(list(noisy_copies(image[None], name, OPTIONS.noise)))
        for image, name in zip(images, names, strict=True)
    ]
    total, squares = torch.zeros_like(images), torch.zeros_like(images)
    for sample in range(SAMPLES):
        points = torch.stack([copies[sample] for copies in noisy])
        gradient = _gradient(model, points, labels)
        total += gradient / SAMPLES
        squares += gradient**2 / SAMPLES
    maps = {"smoothgrad": total, "smoothgrad_squared": squares, "vargrad": squares - total**2}
    return maps[method].abs().amax(dim=1)


def _same_maps(ours: Tensor, plain: Tensor) -> bool:
    """Up to single precision: each map (H, W) by itself, relative to its largest value."""
    ours, plain = ours.flatten(0, -3).double(), plain.flatten(0, -3).double()
    return bool(((ours - plain).abs().amax((1, 2)) <= 1e-2 * plain.abs().amax((1, 2))).all())
