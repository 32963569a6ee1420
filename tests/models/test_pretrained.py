import pytest
import torch
import torchvision
from pydantic import ValidationError

from pipeline.models.classifier import build_classifier, save_model
from pipeline.models.pretrained import load_trunk, read_weights
from pipeline.models.trunks import TRUNKS, build_trunk, remove_strides
from pipeline.runtime.errors import UserError
from pipeline.settings import Training, TrainJob

SOURCE = "weights.pth"


def torchvisions(name):
    """The state dict of torchvision's own network, without values."""
    with torch.device("meta"):
        options = {"init_weights": False} if name == "inception_v3" else {}
        return torchvision.models.get_model(name, **options).state_dict()


def trunk_on_meta(name):
    with torch.device("meta"):
        return build_trunk(name)


@pytest.mark.parametrize("name", [name for name in TRUNKS if name != "resnet_small"])
def test_torchvisions_files_fit(name):
    state = torchvisions(name)
    own = trunk_on_meta(name).state_dict()
    # what a file has besides the trunk is its head, and what it lacks are the added layers
    assert {key.split(".")[0] for key in state.keys() - own.keys()} <= {
        "fc", "classifier", "AuxLogits", "Mixed_7a", "Mixed_7b", "Mixed_7c",
    }  # fmt: skip
    assert {key.split(".")[0] for key in own.keys() - state.keys()} <= {
        "conv6", "Conv2d_7a_3x3", "Conv2d_7b_3x3",
    }  # fmt: skip
    load_trunk(trunk_on_meta(name), name, state, SOURCE)


def test_other_weights_are_refused_with_names():
    with pytest.raises(UserError) as caught:
        load_trunk(trunk_on_meta("vgg16"), "vgg16", torchvisions("vgg16_bn"), SOURCE)
    text = str(caught.value)
    assert text.startswith("weights 'weights.pth' do not fit trunk 'vgg16': missing: ")
    assert "missing: features.12.bias, features.12.weight, features.19.bias" in text
    assert "unexpected: features.1.bias" in text
    assert "conv6" not in text
    assert "classifier" not in text


def test_a_head_that_no_torchvision_file_has_is_unexpected():
    state = torchvisions("resnet18")
    state["classifier.weight"] = torch.empty(2, device="meta")
    with pytest.raises(UserError, match=r"unexpected: classifier\.weight \(1\)\."):
        load_trunk(trunk_on_meta("resnet18"), "resnet18", state, SOURCE)


def test_added_layers_start_from_their_initialisation_or_from_the_file():
    torch.manual_seed(0)
    donor, trunk = build_trunk("vgg16"), build_trunk("vgg16")
    fresh = trunk.state_dict()["conv6.weight"].clone()
    state = donor.state_dict()
    without = {key: value for key, value in state.items() if not key.startswith("conv6.")}

    load_trunk(trunk, "vgg16", without, SOURCE)
    assert torch.equal(trunk.state_dict()["features.0.weight"], state["features.0.weight"])
    assert torch.equal(trunk.state_dict()["conv6.weight"], fresh)

    load_trunk(trunk, "vgg16", state, SOURCE)
    assert torch.equal(trunk.state_dict()["conv6.weight"], state["conv6.weight"])

    with pytest.raises(UserError, match=r"missing: conv6\.bias \(1\)\."):
        load_trunk(trunk, "vgg16", {**without, "conv6.weight": fresh}, SOURCE)


def test_batch_norm_statistics_are_loaded_and_needed():
    state = build_trunk("resnet18").state_dict()
    state["bn1.running_mean"] = torch.linspace(-1, 1, 64)
    state["bn1.running_var"] = torch.linspace(1, 2, 64)
    old = {key: value for key, value in state.items() if "num_batches_tracked" not in key}
    trunk = build_trunk("resnet18")
    load_trunk(trunk, "resnet18", old, SOURCE)
    for key in ("bn1.running_mean", "bn1.running_var"):
        assert torch.equal(trunk.state_dict()[key], state[key])
    del old["layer1.0.bn1.running_var"]
    with pytest.raises(UserError, match=r"missing: layer1\.0\.bn1\.running_var \(1\)"):
        load_trunk(trunk, "resnet18", old, SOURCE)


@pytest.mark.parametrize("content", [{"state_dict": {"a": 1}, "epoch": 3}, [1, 2]])
def test_a_checkpoint_without_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "checkpoint.pth")
    with pytest.raises(UserError, match=r"checkpoint\.pth is not a PyTorch state dict, which"):
        read_weights(str(tmp_path / "checkpoint.pth"))


@pytest.mark.parametrize("name", ["torchvision:mnasnet0_5", "torchvision:swin_t", "resnet18"])
def test_with_the_networks_own_head_the_model_is_torchvisions_network(name, tmp_path):
    torch.manual_seed(0)
    network = torchvision.models.get_model(name.rpartition(":")[2], num_classes=7).eval()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    job = TrainJob(
        trunk=name,
        weights=str(tmp_path / "w.pth"),
        seed=1,
        map_size=14 if name == "resnet18" else "native",
        training=Training(method="cam", epochs=0, head="trained"),
    )
    model = build_classifier(job, 7, tmp_path / "w.pth").eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        if name == "resnet18":  # the trunk's last block has no stride
            remove_strides(network.layer4)
        expected = torch.log_softmax(network(images), dim=1)
        assert torch.allclose(model.log_probs(images), expected, atol=1e-6)


def test_trained_heads_come_from_a_model_of_a_study_and_must_fit(tmp_path):
    def job(method, **keys):
        training = Training(method=method, epochs=0, **keys)
        return TrainJob(trunk="resnet_small", weights=str(path), seed=1, training=training)

    path = tmp_path / "weights.safetensors"
    first = TrainJob(
        trunk="resnet_small", weights="none", seed=0, training=Training(method="calm_em")
    )
    model = build_classifier(first, 5).eval()
    save_model(model, path, {})
    again = build_classifier(job("calm_ml", head="trained"), 5, path).eval()
    images = torch.randn(1, 3, 40, 40)
    with torch.no_grad():
        assert torch.equal(model(images), again(images))
    with pytest.raises(UserError, match=r"location\.weight"):
        build_classifier(job("cam", head="trained"), 5, path)
    with pytest.raises(UserError, match=r"classes\.weight \(5, .* instead of \(6, "):
        build_classifier(job("calm_em", head="trained"), 6, path)
    with pytest.raises(UserError, match="give `weights`"):
        build_classifier(job("cam", head="trained").model_copy(update={"weights": "none"}), 5)


def test_a_head_that_the_network_has_not_is_refused_with_what_it_takes(tmp_path):
    path = tmp_path / "w.pth"
    torch.save(build_trunk("resnet_small").state_dict(), path)
    training = Training(method="cam", epochs=0, head="trained")
    job = TrainJob(trunk="resnet_small", weights=str(path), seed=1, training=training)
    with pytest.raises(UserError, match="where one linear layer follows the mean of the map"):
        build_classifier(job, 5, path)


def test_a_head_behind_a_relu_is_refused(tmp_path):
    """SqueezeNet's logits are the mean of rectified activations, which CAM's head does not have."""
    path = tmp_path / "w.pth"
    torch.save(torchvision.models.squeezenet1_0(num_classes=7).state_dict(), path)
    training = Training(method="cam", epochs=0, head="trained")
    job = TrainJob(trunk="squeezenet1_0", weights=str(path), seed=1, training=training)
    with pytest.raises(UserError, match="where one linear layer follows the mean of the map"):
        build_classifier(job, 7, path)


def test_the_old_name_of_a_librarys_head_is_answered_with_the_new_one():
    with pytest.raises(ValidationError, match="'network' is now 'trained'"):
        Training(method="cam", head="network")


def test_weights_in_a_package_are_read_from_there(tmp_path, monkeypatch):
    (tmp_path / "somebodys_weights").mkdir()
    state = build_trunk("resnet_small").state_dict()
    torch.save(state, tmp_path / "somebodys_weights" / "net.pth")
    monkeypatch.syspath_prepend(tmp_path)
    found = read_weights("package:somebodys_weights/net.pth")
    assert found.keys() == state.keys()
    assert torch.equal(found["conv1.weight"], state["conv1.weight"])
    with pytest.raises(UserError, match=r"'somebodys_weights' has no file other\.pth"):
        read_weights("package:somebodys_weights/other.pth")
    with pytest.raises(UserError, match=r"the package 'nobodys' is not installed"):
        read_weights("package:nobodys/net.pth")
