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


def with_more(state):
    """Lightning's, of a module with a loss that has weights and a metric that has a state."""
    inside = {f"net.{name}": value for name, value in state.items()}
    more = {"loss.weight": torch.ones(5), "val_acc.tp": torch.zeros(5, dtype=torch.long)}
    return {"state_dict": inside | more, "pytorch-lightning_version": "2.6"}


def averaged_inside(state):
    """A network and its average in one module."""
    worse = {f"model.{name}": torch.zeros_like(value) for name, value in state.items()}
    return {"state_dict": worse | {f"ema.module.{name}": v for name, v in state.items()}}


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
    "Lightning and more": ("a.ckpt", lambda: drawn(models.resnet18, num_classes=5), with_more),
    "an average inside": ("a.ckpt", lambda: drawn(models.resnet18), averaged_inside),
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


def test_a_file_of_two_networks_names_both(tmp_path):
    state = {f"student.{name}": v for name, v in models.resnet18().state_dict().items()}
    state |= {f"teacher.{name}": v for name, v in models.resnet34().state_dict().items()}
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(UserError, match=r"torchvision:resnet18 under 'student\.', torchvision:res"):
        load_model(tmp_path / "net.pth")


def test_weights_that_are_nan_are_refused(tmp_path):
    state = models.resnet18(num_classes=2).state_dict()
    state["fc.weight"][0, 0] = torch.nan
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(UserError, match=r"hold NaN, such as fc\.weight"):
        load_model("torchvision:resnet18", tmp_path / "net.pth")


@pytest.mark.parametrize("name", ["inception_v3", "googlenet"])
def test_auxiliary_classifiers_are_of_no_account(name, tmp_path):
    """A fine-tuned file may lack them, or they may know other classes."""
    network = drawn(models.get_model, name=name, num_classes=5, aux_logits=False,
                    transform_input=True, init_weights=False)  # fmt: skip
    other = models.get_model(name, num_classes=9, init_weights=False).state_dict()
    auxiliary = {key: v for key, v in other.items() if key not in network.state_dict()}
    for more in ({}, auxiliary):
        torch.save(network.state_dict() | more, tmp_path / "net.pth")
        model = load_model(f"torchvision:{name}", tmp_path / "net.pth")
        images = IMAGES[..., :160, :160]
        torch.testing.assert_close(model.logits(images), network(images).detach())
