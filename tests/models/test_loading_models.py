import pytest
import torch
from torch import nn
from torchvision import models

from pipeline.models.loading import load_model
from pipeline.models.networks import build_network
from pipeline.runtime.errors import UserError

IMAGES = torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return models.resnet18(num_classes=5).eval()


def plain(state):
    return state


def lightning(state):
    inside = {f"model.{name}": value for name, value in state.items()}
    return {"state_dict": inside, "pytorch-lightning_version": "2.6", "epoch": 3}


def wrapped(state):
    return {"model": {f"module.{name}": value for name, value in state.items()}}


@pytest.mark.parametrize("form", [plain, lightning, wrapped])
@pytest.mark.parametrize("source", ["torchvision:resnet18", "timm:resnet18"])
def test_a_checkpoint_of_another_number_of_classes_is_the_same_network(
    network, form, source, tmp_path
):
    torch.save(form(network.state_dict()), tmp_path / "best.ckpt")
    model = load_model(source, tmp_path / "best.ckpt")
    assert model.classes == 5
    torch.testing.assert_close(model.logits(IMAGES), network(IMAGES), rtol=1e-4, atol=1e-5)


def test_a_network_itself_and_a_callable(network, tmp_path, monkeypatch):
    assert torch.equal(load_model(network).logits(IMAGES), network(IMAGES))
    (tmp_path / "mylab_nets.py").write_text(
        "from torchvision.models import resnet18\n"
        "def build():\n    return resnet18(num_classes=5)\n"
        "def nothing():\n    return 3\n"
        "def broken():\n    raise RuntimeError('no data')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    torch.save(network.state_dict(), tmp_path / "net.pth")
    model = load_model("mylab_nets:build", tmp_path / "net.pth")
    assert torch.equal(model.logits(IMAGES), network(IMAGES))
    for name, message in (
        ("nothing", "returns int; it must return an nn.Module"),
        ("broken", "RuntimeError: no data"),
        ("absent", "cannot be loaded"),
    ):
        with pytest.raises(UserError, match=message):
            load_model(f"mylab_nets:{name}")


def test_weights_of_another_network_are_refused(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "net.pth")
    with pytest.raises(UserError, match=r"do not belong to torchvision:resnet34.*are missing"):
        load_model("torchvision:resnet34", tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("torchvision:resnet81", "did you mean 'resnet18'"),
        ("timm:resnet_18", "timm has no network 'resnet_18'"),
        ("nowhere.pth", "There is no model 'nowhere.pth'"),
    ],
)
def test_a_name_that_is_none_is_named(spec, message):
    with pytest.raises(UserError, match=message):
        load_model(spec)


def test_a_file_that_is_not_there_is_no_module_that_is_not_installed():
    missing = "results/models/birds/net/cam/seed0/weights.safetensors"
    with pytest.raises(UserError, match=f"There is no model '{missing}': it is no file"):
        build_network(missing)


def test_a_network_without_a_linear_end_takes_its_number_of_classes_too(tmp_path):
    torch.manual_seed(0)
    squeezenet = models.squeezenet1_1(num_classes=4).eval()
    torch.save(squeezenet.state_dict(), tmp_path / "net.pth")
    model = load_model("torchvision:squeezenet1_1", tmp_path / "net.pth")
    assert isinstance(model.network, nn.Module)
    assert model.classes == 4
    torch.testing.assert_close(model.logits(IMAGES), squeezenet(IMAGES))
