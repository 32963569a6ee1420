import pytest
import timm
import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam
from torch import nn
from torchvision import models

from pipeline.attribution.attribute import attribute
from pipeline.models.given import GivenModel
from pipeline.runtime.errors import UserError

IMAGES = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([3, 0])

# ends in pooling and a linear layer: class activations are known
POOLED = {
    "resnet18": lambda: models.resnet18(num_classes=7),
    "densenet121": lambda: models.densenet121(num_classes=7),  # a function's ReLU, then pooling
    "efficientnet_b0": lambda: models.efficientnet_b0(num_classes=7),
    "mobilenet_v3_small of timm": lambda: timm.create_model("regnetx_002", num_classes=7),
    "squeezenet1_1": lambda: models.squeezenet1_1(num_classes=7),  # a convolution, ReLU, pooling
    "swin_t": lambda: models.swin_t(num_classes=7),  # channels last until its end
    "resnet18 of timm": lambda: timm.create_model("resnet18", num_classes=7),
}
# other ends: logits alone
OTHERS = {
    "vgg11": lambda: models.vgg11(num_classes=7),  # linear layers on all places
    "vit": lambda: timm.create_model("vit_tiny_patch16_224", num_classes=7, img_size=64),
}


def given(build):
    torch.manual_seed(0)
    return GivenModel(build(), side=64)


@pytest.mark.parametrize("build", POOLED.values(), ids=POOLED)
def test_class_activations_pool_to_the_networks_own_logits(build):
    model = given(build)
    assert model.kind == "cam"
    maps = model(IMAGES)
    assert maps.shape[:2] == (2, 7)
    assert maps[0, 0].numel() > 1
    logits = model.network(IMAGES)
    torch.testing.assert_close(maps.mean((2, 3)), logits, rtol=1e-3, atol=1e-4)
    assert torch.equal(model.logits(IMAGES), logits)
    torch.testing.assert_close(model.log_probs(IMAGES), F.log_softmax(logits, 1))
    torch.testing.assert_close(attribute(model, IMAGES, LABELS, "cam"), maps[[0, 1], LABELS])


@pytest.mark.parametrize("build", OTHERS.values(), ids=OTHERS)
def test_other_networks_are_explained_by_their_logits(build):
    model = given(build)
    assert model.kind == "given"
    assert model.classes == 7
    with pytest.raises(UserError, match="a given model has no method 'cam'"):
        attribute(model, IMAGES, LABELS, "cam")
    inputs = IMAGES.clone().requires_grad_()
    chosen = model.network(inputs).gather(1, LABELS[:, None]).sum()
    (expected,) = torch.autograd.grad(chosen, inputs)
    raw = {"blur_sigma": 0.0, "minmax": False}
    found = attribute(model, IMAGES, LABELS, "gradient", **raw)
    torch.testing.assert_close(found, expected.abs().amax(1), rtol=1e-3, atol=1e-6)


def test_grad_cam_of_a_pooled_network_is_its_rectified_cam():
    # its gradient at the features is the class's weight over the number of places
    model = given(POOLED["resnet18"])
    bias = model.network.fc.bias[LABELS][:, None, None]
    cam = attribute(model, IMAGES, LABELS, "cam") - bias
    places = cam[0].numel()
    found = attribute(model, IMAGES, LABELS, "gradcam")
    torch.testing.assert_close(found, F.relu(cam) / places, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "occlusion", "edges"])
def test_methods_of_logits_work_on_any_network(method):
    options = {"smoothgrad": {"samples": 2}, "integrated_gradients": {"steps": 2}}
    maps = attribute(given(OTHERS["vit"]), IMAGES, LABELS, method, **options.get(method, {}))
    assert maps.shape == (2, 64, 64)
    assert torch.isfinite(maps).all()


def test_the_network_is_not_altered():
    network = models.resnet18(num_classes=7)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    hooks = len(network.layer4._forward_hooks)
    model = GivenModel(network, side=64)
    model(IMAGES)
    assert len(network.layer4._forward_hooks) == hooks
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Conv2d(3, 4, 3), r"gives \(2, 4, 222, 222\) for 2 images"),
        (nn.Linear(5, 4), "fails on images"),
    ],
)
def test_what_is_no_classifier_is_refused(network, message):
    with pytest.raises(UserError, match=message):
        GivenModel(network)


def test_grad_cam_at_a_layer_is_captums_on_the_network_itself():
    model = given(OTHERS["vgg11"])
    assert (model.kind, model.has_features) == ("given", True)
    assert model.looked_at == "features.19"  # the last ReLU before the pooling, here 4x4
    oracle = LayerGradCam(model.network, model.network.features[19])
    expected = oracle.attribute(IMAGES, target=LABELS, relu_attributions=True)[:, 0]
    found = attribute(model, IMAGES, LABELS, "gradcam")
    torch.testing.assert_close(found, expected.detach(), rtol=1e-3, atol=1e-7)


def test_a_layer_that_is_named_is_looked_at():
    torch.manual_seed(0)
    model = GivenModel(models.resnet18(num_classes=7), side=64, layer="layer3")
    oracle = LayerGradCam(model.network, model.network.layer3)
    expected = oracle.attribute(IMAGES, target=LABELS, relu_attributions=True)[:, 0]
    assert expected.shape == (2, 4, 4)
    found = attribute(model, IMAGES, LABELS, "gradcam")
    torch.testing.assert_close(found, expected.detach(), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("layer5", "no layer 'layer5'; did you mean 'layer"),
        ("fc", r"'fc' gives \(2, 7\)"),
        ("layer4.0.conv1", "does not depend on the output of 'layer4.0.conv1' alone"),
    ],
)
def test_a_layer_that_cannot_be_looked_at_is_refused(layer, message):
    with pytest.raises(UserError, match=message):
        GivenModel(models.resnet18(num_classes=7), side=64, layer=layer)


def test_a_vit_has_no_layer_with_a_map():
    model = given(OTHERS["vit"])
    assert not model.has_features


@pytest.mark.parametrize("build", [POOLED["resnet18"], OTHERS["vgg11"]])
def test_chosen_outputs_are_the_classes(build):
    model = given(build)
    every = model.logits(IMAGES)
    model.choose([5, 0, 2])
    assert model.num_classes == 3
    torch.testing.assert_close(model.logits(IMAGES), every[:, [5, 0, 2]])
    torch.testing.assert_close(model.log_probs(IMAGES).exp().sum(1), torch.ones(2))
    maps = model(IMAGES)
    torch.testing.assert_close(maps.mean((2, 3)), every[:, [5, 0, 2]], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("build", [POOLED["resnet18"], OTHERS["vgg11"]])
def test_a_shift_of_all_logits_changes_no_probability(build):
    model = given(build)
    before, maps = model.log_probs(IMAGES), model(IMAGES)
    model.add_to_logits(3.0)
    torch.testing.assert_close(model.log_probs(IMAGES), before)
    torch.testing.assert_close(model(IMAGES), maps + 3)


def test_a_lazy_module_has_no_shape_yet():
    network = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    with pytest.raises(UserError, match=r"1\.weight has no shape yet"):
        GivenModel(network)
    network(torch.zeros(1, 3, 224, 224))
    assert GivenModel(network).classes == 3
