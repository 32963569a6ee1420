import pytest
import torch
import torchvision
from torch import nn

from pipeline.models.backbones import TRUNKS, build_trunk

IMAGES = torch.randn(2, 3, 112, 112, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "side", "shape"),
    [
        ("resnet_small", 112, (256, 14, 14)),
        ("resnet_small", 224, (256, 28, 28)),
        ("squeezenet1_0", 224, (512, 27, 27)),
    ],
)
def test_map_shapes(name, side, shape):
    features = build_trunk(name)(torch.randn(1, 3, side, side))["features"]
    assert tuple(features.shape[1:]) == shape
    assert TRUNKS[name].channels == shape[0]


@pytest.mark.parametrize("name", TRUNKS)
def test_gradients_reach_every_parameter(name):
    trunk = build_trunk(name).train()
    # the mean square, since a batch norm hides constant shifts of a plain mean
    trunk(IMAGES)["features"].square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trunk.parameters())


@pytest.mark.parametrize("name", TRUNKS)
def test_the_last_block_is_made_of_existing_parameters(name):
    names = [parameter for parameter, _ in build_trunk(name).named_parameters()]
    for prefix in TRUNKS[name].last_block:
        assert any(parameter.startswith(prefix) for parameter in names)


def test_squeezenet_is_torchvisions_but_for_its_last_pooling():
    network = torchvision.models.squeezenet1_0(weights=None).eval()
    trunk = build_trunk("squeezenet1_0").eval()
    trunk.load_state_dict(
        {k: v for k, v in network.state_dict().items() if k.startswith("features.")}
    )
    layers = [layer for layer in network.features if not isinstance(layer, nn.MaxPool2d)]
    before = network.features[:11](IMAGES)
    assert torch.equal(trunk(IMAGES)["features"], layers[-1](before))


def test_the_receptive_field_of_the_small_trunk_is_83_pixels():
    trunk = build_trunk("resnet_small").double().eval()
    image = torch.zeros(1, 3, 224, 224, dtype=torch.double, requires_grad=True)
    for module in trunk.modules():  # linear, so that no dead ReLU hides a pixel
        if isinstance(module, nn.ReLU):
            module.forward = lambda x: x
        if isinstance(module, nn.MaxPool2d):
            module.forward = lambda x: nn.functional.avg_pool2d(x, 3, stride=2, padding=1)
    trunk(image)["features"][0, :, 14, 14].sum().backward()
    touched = (image.grad.abs().sum(dim=(0, 1)) > 0).nonzero()
    extent = touched.amax(dim=0) - touched.amin(dim=0) + 1
    assert extent.tolist() == [83, 83]
