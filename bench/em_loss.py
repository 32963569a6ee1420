"""The EM loss and its backward: the label's map alone against Eq. 6 written for all classes."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.harness import Path, close
from pipeline import calm

BATCH, SIDE = 16, 28


def paths() -> Iterator[Path]:
    """200 classes (CUB) and 1000 (ImageNet)."""
    for classes in (200, 1000):
        generator = torch.Generator().manual_seed(0)
        shape = (BATCH, classes, SIDE, SIDE)
        g = torch.randn(shape, generator=generator, requires_grad=True)
        h = torch.randn((BATCH, 1, SIDE, SIDE), generator=generator)
        labels = torch.randint(classes, (BATCH,), generator=generator)
        yield Path(
            f"EM loss and backward, {classes} classes",
            lambda g=g, h=h, labels=labels: _gradient(_ours, g, h, labels),
            lambda g=g, h=h, labels=labels: _gradient(_plain, g, h, labels),
            close(1e-6),
            3,
            units=BATCH,
            repeats=5,
        )


def _gradient(loss, g: Tensor, h: Tensor, labels: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(loss(g, h, labels), g)
    return gradient


def _ours(g: Tensor, h: Tensor, labels: Tensor) -> Tensor:
    return calm.em_loss(calm.log_joint(g, h), labels)


def _plain(g: Tensor, h: Tensor, labels: Tensor) -> Tensor:
    prior = F.softplus(h)
    prior = prior / prior.sum(dim=(1, 2, 3), keepdim=True)
    joint = F.softmax(g, dim=1) * prior  # (B, C, H, W)
    target = joint.detach() / joint.detach().sum(dim=(2, 3), keepdim=True)
    losses = -(target * torch.log(joint)).sum(dim=(2, 3))  # (B, C)
    return losses.gather(1, labels[:, None]).mean()
