"""Files of weights as people have them: each loads as it is, or the message says why it cannot."""

import pytest
import safetensors.torch
import timm
import torch
from torch import nn
from torchvision import models

from pipeline.models.loading import load_model
from pipeline.runtime.errors import UserError

IMAGES = torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(1))


def drawn(build, **keys):
    torch.manual_seed(0)
    network = build(**keys).eval()
    for module in network.modules():  # batch norms that change something
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
    return network


def plain(state):
    return state


def nested(state):
    return {"epoch": 3, "optimizer": {}, "model": state}


def parallel(state):
    return {f"module.{name}": value for name, value in state.items()}


def half(state):
    return {name: v.half() if v.is_floating_point() else v for name, v in state.items()}


def averaged(state):
    worse = {name: torch.zeros_like(value) for name, value in state.items()}
    return {"state_dict": worse, "state_dict_ema": state, "arch": "resnet18"}


def lightning(state):
    inside = {f"model.{name}": value for name, value in state.items()}
    return {"state_dict": inside, "pytorch-lightning_version": "2.6", "hyper_parameters": {"lr": 1}}


# file name, the network, how the file holds it
FILES = {
    "nested": ("a.pth", lambda: drawn(models.resnet18), nested),
    "parallel": ("a.pt", lambda: drawn(models.resnet18), parallel),
    "resnet34": ("a.pth", lambda: drawn(models.resnet34), plain),
    "efficientnet": ("a.pth", lambda: drawn(models.efficientnet_b0), plain),
    "vit": ("a.pth", lambda: drawn(models.vit_b_32), plain),
    "timm": ("a.bin", lambda: drawn(timm.create_model, model_name="resnet26d"), plain),
    "safetensors": ("a.safetensors", lambda: drawn(models.mobilenet_v2), plain),
    "another head": ("a.pth", lambda: drawn(models.resnet18, num_classes=7), plain),
    "half precision": ("a.pth", lambda: drawn(models.resnet18), half),
    "EMA": ("a.pth.tar", lambda: drawn(models.resnet18), averaged),
    "Lightning": ("a.ckpt", lambda: drawn(models.resnet18, num_classes=5), lightning),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_is_recognised_and_loaded_as_it_is(case, tmp_path):
    name, build, held = FILES[case]
    network = build()
    state = held(network.state_dict())
    path = tmp_path / name
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path, metadata={"format": "pt", "made by": "hand"})
    else:
        torch.save(state, path)
    model = load_model(path)
    assert model.classes == network(IMAGES).shape[1]
    tolerance = 2e-2 if case == "half precision" else 1e-4
    torch.testing.assert_close(
        model.logits(IMAGES), network(IMAGES).detach(), rtol=tolerance, atol=tolerance
    )


def test_a_network_of_ones_own_is_answered_with_the_closest(tmp_path):
    network = models.resnet18()
    network.extra = nn.Linear(3, 3)
    torch.save(network.state_dict(), tmp_path / "own.pth")
    with pytest.raises(UserError, match=r"own.pth: neither .* closest are torchvision:resnet18"):
        load_model(tmp_path / "own.pth")


def test_networks_with_the_same_tensors_that_differ_are_named(tmp_path):
    # the padding is TensorFlow's in one of them, so that the same weights give other features
    network = timm.create_model("efficientnet_lite0")
    torch.save(network.state_dict(), tmp_path / "lite.pth")
    with pytest.raises(UserError, match=r"several networks .*timm:tf_efficientnet_lite0"):
        load_model(tmp_path / "lite.pth")


def test_weights_of_another_network_say_whose_they_are(tmp_path):
    torch.save(models.resnet18().state_dict(), tmp_path / "net.pth")
    with pytest.raises(UserError, match="look like those of torchvision:resnet18"):
        load_model("torchvision:resnet34", tmp_path / "net.pth")


def test_another_librarys_names_are_read_by_their_order(tmp_path):
    network = drawn(models.resnet18, num_classes=4)
    state = {f"backbone_{n}.{name.rpartition('.')[2]}": value
             for n, (name, value) in enumerate(network.state_dict().items())}  # fmt: skip
    torch.save(state, tmp_path / "net.pth")
    found = load_model("torchvision:resnet18", tmp_path / "net.pth")
    torch.testing.assert_close(found.logits(IMAGES), network(IMAGES).detach())
