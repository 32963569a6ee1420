"""ACoL and SPG are the WSOL benchmark's networks: their numbers of parameters, written out."""

import pytest
import torch
import torch.nn.functional as F

from pipeline.models.classifier import Classifier
from pipeline.models.trunks import TRUNKS, build_trunk
from pipeline.models.vgg import vgg16_of_acol, vgg16_of_spg
from pipeline.settings import Training, TrainJob

CLASSES = 200
# without any layer that is added after them
VGG, RESNET, INCEPTION = 14_714_688, 23_508_032, 8_965_856


def conv3(inputs, outputs):
    return inputs * outputs * 9 + outputs


def conv1(inputs, outputs):
    return inputs * outputs + outputs


def acol_heads(channels):
    return 2 * (conv3(channels, 1024) + conv3(1024, 1024) + conv1(1024, CLASSES))


def spg_heads(early, late, last, width):
    sides = conv3(early, width) + conv3(late, width) + conv3(width, width) + conv1(width, 1)
    return sides + conv3(last, 512) + conv1(512, 1) + conv1(last, CLASSES)


def on_meta(method, trunk, map_size=28):
    training = Training(method=method)
    job = TrainJob(trunk=trunk, map_size=map_size, weights="none", seed=0, training=training)
    with torch.device("meta"):
        return Classifier(job, CLASSES)


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("map_size", [14, 28])
@pytest.mark.parametrize(
    ("method", "trunk", "count"),
    [
        ("acol", "vgg16", VGG + acol_heads(512)),
        ("acol", "resnet50", RESNET + acol_heads(2048)),
        ("acol", "inception_v3", INCEPTION + acol_heads(768)),
        ("spg", "vgg16", VGG + 2 * conv3(512, 512) + spg_heads(512, 512, 512, 512)),
        ("spg", "resnet50", RESNET + spg_heads(1024, 1024, 2048, 1024)),
        (
            "spg",
            "inception_v3",
            INCEPTION + conv3(768, 1024) + conv3(1024, 1024) + spg_heads(288, 768, 1024, 512),
        ),
        ("cam", "vgg16", VGG + conv3(512, 1024) + conv1(1024, CLASSES)),
        ("adl", "vgg16", VGG + conv3(512, 1024) + conv1(1024, CLASSES)),
    ],
)
def test_parameters(method, trunk, count, map_size):
    model = on_meta(method, trunk, map_size)
    assert parameters(model) == count
    outputs = model.trunk(torch.empty(1, 3, 224, 224, device="meta"))
    assert outputs["features"].shape[2:] == (map_size, map_size)


@pytest.mark.parametrize(("trunk", "millions"), [("vgg16", 14.2), ("inception_v3", 21.2)])
def test_acol_has_no_convolutions_before_its_heads(trunk, millions):
    """What the heads would weigh on the end of CAM's trunk, which they once stood on."""
    with torch.device("meta"):
        before = parameters(build_trunk(trunk)) + acol_heads(1024)
    assert before - parameters(on_meta("acol", trunk)) == pytest.approx(millions * 1e6, abs=5e4)


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("method", ["acol", "spg"])
def test_heads_fit_every_trunk(method, trunk):
    model = on_meta(method, trunk)
    images = torch.empty(2, 3, 224, 224, device="meta")
    maps, loss = model.training_step(images, torch.empty(2, dtype=torch.long, device="meta"))
    side = 27 if trunk == "squeezenet1_0" else 28
    assert maps.shape == (2, CLASSES, side, side)
    assert loss.shape == ()


@pytest.mark.parametrize("map_size", [14, 28])
@pytest.mark.parametrize("batch_norm", [False, True])
@torch.no_grad()
def test_vgg_of_acol_pools_three_cells_and_averages_at_its_end(map_size, batch_norm):
    torch.manual_seed(0)
    network = vgg16_of_acol(map_size, batch_norm=batch_norm).eval()
    images = torch.randn(2, 3, 32, 32)
    strides = [2, 2, 2, 2 if map_size == 14 else 1, 1]
    layers = [layer for layer in network.features if not isinstance(layer, torch.nn.MaxPool2d)]
    counts = [(2 + batch_norm) * n for n in (2, 2, 3, 3, 3)]  # convolution, batch norm, ReLU
    x = images
    for count, stride in zip(counts, strides, strict=True):
        for layer in layers[:count]:
            x = layer(x)
        layers = layers[count:]
        x = F.max_pool2d(x, 3, stride=stride, padding=1)
    assert layers == []
    kernel = torch.full((512, 1, 3, 3), 1 / 9)  # beyond the border are zeros
    assert torch.allclose(network(images), F.conv2d(x, kernel, padding=1, groups=512), atol=1e-5)


@pytest.mark.parametrize("map_size", [14, 28])
@torch.no_grad()
def test_vgg_of_spg_ends_in_two_convolutions_of_512(map_size):
    torch.manual_seed(0)
    network = vgg16_of_spg(map_size, batch_norm=False).eval()
    x = images = torch.randn(2, 3, 32, 32)
    for index, layer in enumerate(network.features):
        if index in (4, 9, 16):
            x = F.max_pool2d(x, 2)
        elif index == 23:
            x = F.max_pool2d(x, 3, stride=2, padding=1) if map_size == 14 else x
        elif index != 30:
            x = layer(x)
    for layer in (network.conv6a, network.conv6b):
        assert layer.weight.shape == (512, 512, 3, 3)
        x = layer(x).relu()
    assert torch.allclose(network(images), x, atol=1e-5)


def test_spgs_second_side_head_on_inception_does_not_see_mixed_6e():
    model = on_meta("spg", "inception_v3")
    early, late = (
        model.trunk(torch.empty(1, 3, 224, 224, device="meta"))[place]
        for place in model.head.places
    )
    model.head.shared(model.head.b2(late)).sum().backward()
    reached = {
        name.split(".")[0] for name, p in model.trunk.named_parameters() if p.grad is not None
    }
    assert "Mixed_6d" in reached
    assert reached.isdisjoint({"Mixed_6e", "Conv2d_7a_3x3", "Conv2d_7b_3x3"})
    assert early.shape[1:] == (288, 28, 28)
