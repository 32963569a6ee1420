import pytest
import torch
from torchvision import models

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
