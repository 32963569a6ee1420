import copy

import pytest
import torch
from torchvision import models
from torchvision.transforms.functional import resize

from pipeline.images.batches import MEAN, STD
from pipeline.models import load_model
from pipeline.models.wrapping import open_given, save_given
from pipeline.runtime.errors import UserError
from pipeline.settings import GivenJob

IMAGES = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("given") / "best.ckpt"
    torch.save({"state_dict": models.resnet18(num_classes=4).state_dict()}, path)
    return str(path)


def job(weights, **keys):
    return GivenJob(
        model="torchvision:resnet18", weights=weights, **{"size": 64, "stored_size": 64, **keys}
    )


def test_a_kept_model_is_the_same_when_it_is_read_again(weights, tmp_path):
    listed = ("Jay", "Crow", "Tit", "Robin")
    model, note = open_given(job(weights, classes=listed), ["Tit", "Jay"])
    assert note == "torchvision:resnet18, its weights from a file (checkpoint)"
    save_given(model, job(weights, classes=listed), tmp_path / "weights.safetensors", {})
    again = load_model(tmp_path / "weights.safetensors")
    assert again.num_classes == 2
    assert torch.equal(again.log_probs(IMAGES), model.log_probs(IMAGES))
    assert torch.equal(again(IMAGES), model(IMAGES))
    network = models.resnet18(num_classes=4).eval()
    network.load_state_dict(torch.load(weights)["state_dict"])
    torch.testing.assert_close(again.logits(IMAGES), network(IMAGES)[:, [2, 0]])


def test_a_file_alone_is_recognised(weights, tmp_path):
    given = GivenJob(model=weights, size=64)
    model, note = open_given(given)
    assert note.startswith("torchvision:resnet18, ")
    save_given(model, given, tmp_path / "weights.safetensors", {})
    again = load_model(tmp_path / "weights.safetensors")
    assert torch.equal(again.logits(IMAGES), model.logits(IMAGES))


@pytest.mark.parametrize(
    ("keys", "names", "message"),
    [
        ({"classes": ("a", "b")}, None, "list has 2 names, but the network has 4 outputs"),
        ({}, ["a", "b"], "has 4 outputs, but the data set has 2 classes"),
        ({"classes": ("a", "b", "c", "d")}, ["a", "e"], "does not know 1 of the data set's 2"),
        ({"layer": "layer9"}, None, "no layer 'layer9'"),
        ({"model": "torchvision:resnet34"}, None, "look like those of torchvision:resnet18"),
    ],
)
def test_what_does_not_fit_is_refused(weights, keys, names, message):
    with pytest.raises(UserError, match=message):
        open_given(job(weights).model_copy(update=keys), names)


def test_a_network_as_it_is_drawn_depends_on_the_seed(tmp_path):
    first, again, other = (
        open_given(job("none", seed=seed, classes=("a", "b")))[0] for seed in (0, 0, 1)
    )
    assert torch.equal(first.logits(IMAGES), again.logits(IMAGES))
    assert not torch.equal(first.logits(IMAGES), other.logits(IMAGES))


def saved(network, path):
    torch.save(network.state_dict(), path)
    return str(path)


@torch.no_grad()
def with_statistics(network):
    """Batch norms as after training, in evaluation mode, so that the logits depend on the image."""
    norms = [each for each in network.eval().modules() if isinstance(each, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.train().momentum = 1
    network(torch.rand((8, 3, 128, 128), generator=torch.Generator().manual_seed(3)) * 2 - 1)
    return network.eval()


def published(monkeypatch, network):
    """Let torchvision find these weights instead of downloading its own."""
    monkeypatch.setattr(
        models.WeightsEnum, "get_state_dict", lambda *_, **__: copy.deepcopy(network.state_dict())
    )


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
@pytest.mark.parametrize("downloads", [False, True])
def test_googles_networks_convert_their_images_wherever_their_weights_come_from(
    name, downloads, tmp_path, monkeypatch
):
    """Their published weights take images in [-1, 1]; the oracle is given those."""
    torch.manual_seed(0)
    network = with_statistics(models.get_model(name, init_weights=False, transform_input=False))
    published(monkeypatch, network)
    source = "torchvision" if downloads else saved(network, tmp_path / "net.pth")
    given = GivenJob(model=f"torchvision:{name}", weights=source, size=128, stored_size=128)
    model, _ = open_given(given)
    save_given(model, given, tmp_path / "weights.safetensors", {})
    again = load_model(tmp_path / "weights.safetensors")
    pixels = torch.rand((1, 3, 128, 128), generator=torch.Generator().manual_seed(2))
    images = (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    with torch.no_grad():
        expected = network(2 * pixels - 1)
        assert (network(images) - expected).abs().max() > 0.02  # else the test could not fail
        torch.testing.assert_close(model.logits(images), expected, rtol=1e-3, atol=1e-4)
        assert torch.equal(again.logits(images), model.logits(images))


@pytest.mark.parametrize("downloads", [False, True])
def test_a_vision_transformer_of_larger_images_gets_them(downloads, tmp_path, monkeypatch):
    whole = models.VisionTransformer
    monkeypatch.setattr(  # one layer of its twelve, which is enough here
        models.vision_transformer,
        "VisionTransformer",
        lambda **keys: whole(**keys | {"num_layers": 1}),
    )
    torch.manual_seed(0)
    network = models.vit_b_16(image_size=384).eval()
    torch.nn.init.normal_(network.heads.head.weight)  # drawn as zeros
    published(monkeypatch, network)
    entry = "torchvision:ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1"
    source = entry if downloads else saved(network, tmp_path / "net.pth")
    given = GivenJob(model="torchvision:vit_b_16", weights=source, stored_size=224)
    model, _ = open_given(given)
    assert model.side == 384
    save_given(model, given, tmp_path / "weights.safetensors", {})
    again = load_model(tmp_path / "weights.safetensors")
    images = torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = network(resize(images, [384, 384], antialias=True))
        assert expected.std() > 0.1
        torch.testing.assert_close(model.logits(images), expected, rtol=1e-3, atol=1e-3)
        assert torch.equal(again.logits(images), model.logits(images))


def test_weights_that_torchvision_does_not_publish_for_the_network_are_refused():
    named = "torchvision:ResNet50_Weights.IMAGENET1K_V2"
    with pytest.raises(UserError, match=r"ResNet50_Weights.*It has torchvision:ResNet18_Weights"):
        open_given(job(named))
