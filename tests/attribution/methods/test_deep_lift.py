import numpy as np
import pytest
import timm
import torch
from asked import IMAGES as ROWS
from asked import LABELS as OF_ROWS
from asked import asked
from captum.attr import DeepLift
from given_networks import IMAGES, LABELS, convolutional, given, vit
from torch import nn
from torchvision import models

from pipeline.attribution.attribute import attribute
from pipeline.runtime.errors import UserError

RAW = {"blur_sigma": 0.0, "minmax": False}


def plain():
    """Without pooling by maximum, whose overlapping windows Captum does not add."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), nn.Conv2d(8, 12, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 7),
    )  # fmt: skip


def test_deep_lift_is_captums():
    model = given(plain)
    found = attribute(model, IMAGES, LABELS, "deep_lift", **RAW)
    expected = DeepLift(model.network).attribute(IMAGES.clone().requires_grad_(), target=LABELS)
    torch.testing.assert_close(found, expected.sum(1).detach(), rtol=1e-4, atol=1e-7)
    assert found.abs().max() > 0


@pytest.mark.parametrize(
    "build",
    [
        convolutional,  # windows that overlap, and ReLUs that write over their input
        lambda: timm.create_model("resnet18", num_classes=7),
        lambda: models.mobilenet_v2(num_classes=7),  # ReLU6
        lambda: models.vgg11_bn(num_classes=7),
    ],
)
def test_contributions_sum_to_the_difference_of_the_logits(build):
    model = given(build)
    found = attribute(model, IMAGES, LABELS, "deep_lift", **RAW).sum((1, 2))
    with torch.no_grad():
        logits, nothing = model.logits(IMAGES), model.logits(torch.zeros_like(IMAGES))
    expected = (logits - nothing)[range(3), LABELS]
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3 * float(expected.abs().max()))


def test_the_relus_of_our_trunks_are_told_apart(cam_model, inputs):
    maps = asked(cam_model, inputs).maps("deep_lift")
    logits, nothing = cam_model.logits(inputs), cam_model.logits(torch.zeros_like(inputs))
    expected = (logits - nothing)[ROWS, OF_ROWS]
    torch.testing.assert_close(maps.sum((1, 2)), expected, rtol=1e-6, atol=1e-9)
    assert np.abs(maps).max() > 0


class Functional(nn.Module):
    """A ReLU that is no module."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 5, stride=4), nn.Linear(8, 7)

    def forward(self, images):
        return self.second((self.first(images) - 0.3).relu().mean((2, 3)))


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: models.resnet18(num_classes=7), "deep_lift: 8 modules.*layer1.0.relu"),
        (vit, "deep_lift: there is no rule for LayerNorm"),
        (Functional, "deep_lift: the contributions sum to .* outside of modules"),
    ],
)
def test_networks_that_the_rules_do_not_cover_are_refused(build, match):
    with pytest.raises(UserError, match=match):
        attribute(given(build), IMAGES, LABELS, "deep_lift")


def test_the_network_is_left_as_it_was():
    model = given(convolutional)
    before = model.logits(IMAGES)
    attribute(model, IMAGES, LABELS, "deep_lift")
    assert model.network[2].inplace
    assert torch.equal(model.logits(IMAGES), before)
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
