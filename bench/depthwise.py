"""A training step of EfficientNet-Lite0 whose later depthwise kernels are dilated, on the CPU.

Their gradient made of quick operations (`pipeline.models.depthwise`) against PyTorch's own. All
else is the same, as `config/cub.yaml` trains it: bf16, the lower half frozen, maps of 14x14.
"""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from bench.harness import Path
from pipeline.models.classifier import Classifier
from pipeline.models.depthwise import DepthwiseConv2d
from pipeline.settings import Training, TrainJob

BATCH, CLASSES, FROZEN = 8, 50, 5


def paths() -> Iterator[Path]:
    """One training step."""
    job = TrainJob(
        trunk="timm:tf_efficientnet_lite0",
        map_size=14,
        dilation=True,
        weights="none",
        seed=0,
        training=Training(method="cam", frozen_stages=FROZEN),
    )
    torch.manual_seed(0)
    quick = Classifier(job, CLASSES).to(memory_format=torch.channels_last).train()
    images = torch.randn(BATCH, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    images = images.to(memory_format=torch.channels_last)
    labels = torch.arange(BATCH)
    own = copy.deepcopy(quick)
    for layer in own.modules():
        if type(layer) is DepthwiseConv2d:
            layer.__class__ = nn.Conv2d
    yield Path(
        "training step, EfficientNet-Lite0 14x14 dilated, an image",
        lambda: _step(quick, images, labels),
        lambda: _step(own, images, labels),
        _same,
        2,
        units=BATCH,
        repeats=10,
    )


def _step(model: Classifier, images: Tensor, labels: Tensor) -> Tensor:
    """The gradients of all that is trained, one after the other."""
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        _, loss = model.training_step(images, labels)
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def _same(ours: Tensor, plain: Tensor) -> bool:
    """Up to half precision, which has about three significant digits, through many layers."""
    return bool((ours - plain).norm() < 0.1 * plain.norm())
