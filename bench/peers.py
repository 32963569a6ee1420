"""Ours beside the libraries that one would take instead; needs ``pip install '.[bench]'``.

The same network (torchvision's ResNet18, untrained), images and classes for both, and in each run
the same answer: Grad-CAM and Score-CAM of pytorch-grad-cam, pixel flipping of Quantus, the loops of
Captum over images and their classes, average precision and calibration error of TorchMetrics.
(scikit-learn's average precision is what `bench.pxap` compares with.)
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy

import numpy as np
import pytorch_grad_cam
import quantus
import torch
from captum.attr import IntegratedGradients, NoiseTunnel, Saliency
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor
from torchmetrics.classification import BinaryAveragePrecision, MulticlassCalibrationError
from torchvision.models import resnet18

from bench.harness import Path, close
from pipeline.attribution.query import Query
from pipeline.evaluation.accuracy.reliability import binned
from pipeline.evaluation.erasing.insertion_deletion import curves
from pipeline.evaluation.erasing.relevance import relevance_ranks
from pipeline.evaluation.pxap import PixelAveragePrecision
from pipeline.images.enlarging import resized
from pipeline.images.scaling import minmax
from pipeline.models.given import GivenModel
from pipeline.models.loading import load_model
from pipeline.settings import Attribution, InsertionDeletion

IMAGES, CLASSES, SIDE = 8, 3, 224  # classes of each image: its own and those of two pairs
SMALL = 96  # for Score-CAM, which asks the network 512 times for each image
STEPS = SAMPLES = 10
PREDICTIONS = (5_000, 200)  # images and classes of a calibration error
OPTIONS = Attribution.model_validate(
    {
        "integrated_gradients": {"steps": STEPS},
        # without noise both ways must agree; it costs what any noise costs
        "noise": {"samples": SAMPLES, "spread": 0},
        "gradient_maps": {"blur_sigma": 0, "minmax": False},
    }
)


def paths() -> Iterator[Path]:
    """All of them."""
    torch.manual_seed(0)
    network = resnet18(weights=None).eval()
    model = load_model(deepcopy(network))  # whose parameters need no gradients from then on
    images = torch.randn(IMAGES, 3, SIDE, SIDE)
    small = torch.randn(1, 3, SMALL, SMALL)
    labels = [[(7 * row + 100 * of) % 1000 for of in range(CLASSES)] for row in range(IMAGES)]
    first = [of_image[:1] for of_image in labels]
    yield Path(
        "Grad-CAM: pytorch-grad-cam, an image",
        lambda: enlarged(maps(model, images, first, "gradcam"), SIDE),
        lambda: of_library(pytorch_grad_cam.GradCAM, network, images, first),
        alike,  # the library stretches again after enlarging
        1,
        units=IMAGES,
    )
    yield Path(
        "Score-CAM: pytorch-grad-cam, an image of 96 pixels",
        lambda: enlarged(maps(model, small, first[:1], "score_cam"), SMALL),
        lambda: of_library(pytorch_grad_cam.ScoreCAM, network, small, first[:1]),
        alike,  # the library enlarges with aligned corners
        1,
        repeats=3,
    )
    yield from _loops(network, model, images, labels)
    yield from _flipping(network, model, images[0])
    yield from _metrics()


def maps(model: GivenModel, images: Tensor, labels: Sequence[Sequence[int]], method: str) -> Tensor:
    """Our maps of every class of every image."""
    rows = torch.tensor([row for row, of_image in enumerate(labels) for _ in of_image])
    classes = [(label,) for of_image in labels for label in of_image]
    names = [str(row) for row in range(len(images))]
    return Query(model, images, rows, classes, names, OPTIONS).maps(method)


def enlarged(found: Tensor, side: int) -> np.ndarray:
    """Maps as the library shows them: stretched to [0, 1], at the image's size."""
    return resized(minmax(found).numpy(), (side, side))


def of_library(
    method: type, network: torch.nn.Module, images: Tensor, labels: Sequence[Sequence[int]]
) -> np.ndarray:
    """The same by pytorch-grad-cam."""
    with method(network, [network.layer4]) as cam:
        cam.batch_size = 16
        return cam(images, [ClassifierOutputTarget(of_image[0]) for of_image in labels])


def alike(ours: np.ndarray, plain: np.ndarray) -> bool:
    """Whether two maps rank pixels alike."""
    return bool(np.corrcoef(ours.ravel(), plain.ravel())[0, 1] > 0.98)


def _loops(
    network: torch.nn.Module, model: GivenModel, images: Tensor, labels: list[list[int]]
) -> Iterator[Path]:
    """A data set whose images have several classes each: Captum is called for every map."""

    def loop(attribute: Callable[[Tensor, int], Tensor]) -> Tensor:
        found = [
            attribute(image[None], label)[0]
            for image, of_image in zip(images, labels, strict=True)
            for label in of_image
        ]
        return torch.stack(found).detach()

    integrated, noisy = IntegratedGradients(network), NoiseTunnel(Saliency(network))
    for name, method, plain in (
        (
            "Integrated Gradients",
            "integrated_gradients",
            lambda image, label: integrated.attribute(
                image, target=label, n_steps=STEPS, internal_batch_size=STEPS
            ).sum(dim=1),
        ),
        (
            "SmoothGrad",
            "smoothgrad",
            lambda image, label: (
                noisy.attribute(image, nt_samples=SAMPLES, stdevs=0.0, target=label, abs=False)
                .abs()
                .amax(dim=1)
            ),
        ),
    ):
        yield Path(
            f"{name}: Captum's own loop, a map, 3 classes an image",
            lambda m=method: maps(model, images, labels, m),
            lambda p=plain: loop(p),
            _same,
            1,
            units=IMAGES * CLASSES,
            repeats=2,
        )


def _same(ours: Tensor, plain: Tensor) -> bool:
    """Up to single precision, relative to each map's largest value."""
    return bool(((ours - plain).abs().amax((1, 2)) <= 1e-3 * plain.abs().amax((1, 2))).all())


def _flipping(network: torch.nn.Module, model: GivenModel, image: Tensor) -> Iterator[Path]:
    """p(y|x) while the most relevant pixels become 0, in 28 steps; ours makes insertion as well."""
    section, label = InsertionDeletion(), 3
    score_map = np.random.default_rng(0).random((SIDE, SIDE))  # float64, so that no two are equal
    flipping = quantus.PixelFlipping(
        features_in_step=SIDE * SIDE // section.steps,
        perturb_baseline=0.0,
        normalise=False,
        disable_warnings=True,
    )
    yield Path(
        "a deletion curve: Quantus' pixel flipping (ours: and insertion)",
        lambda: curves(model, image, label, relevance_ranks(score_map), section)[1][1:],
        lambda: np.array(
            flipping(
                model=network,
                x_batch=image[None].numpy(),
                y_batch=np.array([label]),
                a_batch=score_map[None, None],
                softmax=True,
                device="cpu",
            )[0][2::3]  # its features are of each channel: a third of a step's pixels at a time
        ),
        close(1e-5),
        1,
        repeats=5,
    )


def _metrics() -> Iterator[Path]:
    """Of forty maps of 224 pixels, and of 5 000 predictions."""
    rng = np.random.default_rng(0)
    masks = (rng.random((40, SIDE, SIDE)) < 0.1).astype(np.uint8)
    scores = np.clip(rng.beta(2, 6, masks.shape) + 0.2 * masks, 0, 1).astype(np.float32)

    def exact() -> float:
        metric = PixelAveragePrecision("exact")
        for score_map, mask in zip(scores, masks, strict=True):
            metric.update(score_map, mask)
        return metric.compute()

    def library() -> float:
        metric = BinaryAveragePrecision(thresholds=None)
        for score_map, mask in zip(scores, masks, strict=True):
            metric.update(torch.from_numpy(score_map), torch.from_numpy(mask).int())
        return float(metric.compute())

    yield Path("PxAP, exact: TorchMetrics, a map", exact, library, close(1e-5), 1, units=40)

    logits = torch.randn(PREDICTIONS, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(len(logits)) % PREDICTIONS[1]
    probabilities = (4 * logits).softmax(dim=1)

    def ours() -> float:
        confidence, predicted = probabilities.max(dim=1)
        return binned((predicted == labels).numpy(), confidence.numpy(), 15, "uniform").error()

    def theirs() -> float:
        metric = MulticlassCalibrationError(PREDICTIONS[1], n_bins=15, norm="l1")
        return float(metric(probabilities, labels))

    yield Path("ECE of 5 000 images: TorchMetrics", ours, theirs, close(1e-5), 1)
