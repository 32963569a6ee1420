"""The EM loss and its backward: the label's map alone against Eq. 6 written for all classes.

From log p(y, z|x), and from the two branches, where the softmax over classes is shared work.
"""

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
        with torch.no_grad():
            log_joint = calm.log_joint(g, h)
        log_joint.requires_grad_()
        yield Path(
            f"EM loss and backward, {classes} classes",
            lambda a=log_joint, y=labels: _gradient(calm.em_loss(a, y), a),
            lambda a=log_joint, y=labels: _gradient(_all_classes(a.exp(), y), a),
            close(1e-6),
            3,
            units=BATCH,
            repeats=5,
        )
        yield Path(
            f"same with both branches, {classes} classes",
            lambda g=g, h=h, y=labels: _gradient(calm.em_loss(calm.log_joint(g, h), y), g),
            lambda g=g, h=h, y=labels: _gradient(_all_classes(_joint(g, h), y), g),
            close(1e-6),
            3,
            units=BATCH,
            repeats=5,
        )


def _gradient(loss: Tensor, parameter: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(loss, parameter)
    return gradient


def _joint(g: Tensor, h: Tensor) -> Tensor:
    prior = F.softplus(h)
    prior = prior / prior.sum(dim=(1, 2, 3), keepdim=True)
    return F.softmax(g, dim=1) * prior  # (B, C, H, W)


def _all_classes(joint: Tensor, labels: Tensor) -> Tensor:
    target = joint.detach() / joint.detach().sum(dim=(2, 3), keepdim=True)
    losses = -(target * torch.log(joint)).sum(dim=(2, 3))  # (B, C)
    return losses.gather(1, labels[:, None]).mean()
