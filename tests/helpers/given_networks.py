"""Small untrained networks from elsewhere, given as they are, and images for them."""

import timm
import torch
from torch import nn
from torchvision import models

from pipeline.models.given import GivenModel

IMAGES = torch.randn((3, 3, 64, 64), generator=torch.Generator().manual_seed(1))
LABELS = [3, 0, 6]


def convolutional():
    """Ends in pooling and a linear layer; its ReLUs are modules of their own."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=4, padding=2),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 7),
    )


def vit(**options):
    """timm's, two blocks; by default with a class token and patches of 16 pixels."""
    return timm.create_model(
        "vit_tiny_patch16_224", num_classes=7, **{"img_size": 64, "depth": 2, **options}
    )


def dinov2():
    """Shaped like DINOv2 with registers: a class token and four more before 5x5 patches."""
    return timm.create_model("vit_small_patch14_reg4_dinov2", num_classes=7, img_size=70, depth=2)


def torchvisions_vit():
    """Two blocks with `nn.MultiheadAttention`; its head does not start at zero."""
    network = models.VisionTransformer(64, 16, 2, 2, 32, 64, num_classes=7)
    nn.init.normal_(network.heads.head.weight)
    return network


def given(build, side=64, **options):
    """A network, drawn from one seed, as a model."""
    torch.manual_seed(0)
    return GivenModel(build(**options), side=side)
