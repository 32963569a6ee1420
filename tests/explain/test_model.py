import shutil

import numpy as np
import pytest
import timm
import torch
from explained_study import NAMES, SIDE
from torchvision import models

from pipeline.explain import explain, open_model
from pipeline.images.loading import normalise
from pipeline.models.loading import load_model
from pipeline.runtime.errors import UserError


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory):
    """torchvision's network with random weights, and their file."""
    torch.manual_seed(0)
    network = models.squeezenet1_0(weights=None, num_classes=5).eval()
    path = tmp_path_factory.mktemp("published") / "squeezenet1_0-b66bff10.pth"
    torch.save(network.state_dict(), path)
    return network, path


def test_the_study_around_the_weights_is_found(weights):
    model = open_model(weights["calm_em"])
    assert model.classes.names == list(NAMES)
    assert model.classes.groups[0] == [0, 1]
    assert (model.side, model.resize) == (SIDE, "square")
    assert model.title == "calm_em on resnet_small, 4 classes"


def test_weights_by_themselves_have_numbered_classes(weights, tmp_path):
    alone = shutil.copy(weights["cam"], tmp_path)
    model = open_model(alone)
    assert model.classes.titles[3] == "class 3"
    assert model.side == 224


def test_a_published_network_predicts_as_torchvision_does(squeezenet, image):
    network, path = squeezenet
    explanation = explain(image, open_model(path, side=96))
    pixels = torch.from_numpy(explanation.image).permute(2, 0, 1)[None] / 255
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    with torch.inference_mode():
        expected = network((pixels - mean) / std).softmax(dim=1)[0]
    np.testing.assert_allclose(explanation.probabilities, expected, rtol=1e-4)


def test_a_resnet_is_not_altered(image, tmp_path):
    torch.manual_seed(0)
    network = models.resnet18(num_classes=3).eval()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    found = open_model(tmp_path / "w.pth", classes=["Jay", "Crow", "Robin"], side=64)
    explanation = explain(image, found)
    inputs = normalise(torch.from_numpy(explanation.image).permute(2, 0, 1)[None])
    expected = network(inputs).softmax(dim=1)[0].detach()
    np.testing.assert_allclose(explanation.probabilities, expected, rtol=1e-4)
    assert explanation.maps[0].values.shape == (2, 2)
    assert found.classes.titles == ["Jay", "Crow", "Robin"]
    assert repr(found) == f"<ExplainedModel ResNet, 3 classes ({tmp_path}/w.pth)>"


def test_a_network_in_hand_is_explained(image):
    torch.manual_seed(0)
    network = models.vgg11(num_classes=3)
    explanation = explain(image, open_model(network, side=64))
    assert [each.method for each in explanation.maps] == ["gradcam"]
    assert repr(explanation).startswith("<Explanation of a bird.jpg: class ")
    assert len(repr(explanation)) < 100
    with pytest.raises(UserError, match="only CALM has counterfactuals"):
        explain(image, open_model(network, side=64), against=1)
    with pytest.raises(UserError, match="no class activation maps that could be added up"):
        explain(image, open_model(network, side=64), superset="class")


def test_a_model_that_was_loaded_gets_its_own_normalisation(image, tmp_path):
    torch.manual_seed(0)
    network = timm.create_model("tf_efficientnet_lite0", num_classes=3).eval()
    torch.save(network.state_dict(), tmp_path / "lite.pth")
    loaded = load_model("timm:tf_efficientnet_lite0", tmp_path / "lite.pth")
    explanation = explain(image, loaded)
    assert explanation.image.shape == (224, 224, 3)
    pixels = torch.from_numpy(explanation.image).permute(2, 0, 1)[None]
    expected = network(pixels / 127.5 - 1).softmax(dim=1)[0].detach()
    np.testing.assert_allclose(explanation.probabilities, expected, rtol=1e-3)


def test_a_list_of_other_classes_is_refused(weights, tmp_path):
    (tmp_path / "classes.csv").write_text("label,name\n0,one\n1,two\n")
    with pytest.raises(UserError, match=r"knows 4 classes, but the list has 2"):
        open_model(weights["cam"], classes=tmp_path / "classes.csv")


def test_attributes_are_no_classes(weights):
    with pytest.raises(UserError, match="predicts attributes"):
        open_model(weights["attributes"])


@pytest.mark.parametrize("name", ["missing.safetensors", "resnet50-missing.pth"])
def test_missing_weights_are_named(tmp_path, name):
    with pytest.raises(UserError, match=name):
        open_model(tmp_path / name)
