import re

import pytest
import torch
import torchvision
from pydantic import ValidationError
from torch import nn

from pipeline import settings
from pipeline.models.classifier import Classifier
from pipeline.models.pretrained import load_trunk
from pipeline.models.trunks import TRUNKS, build_trunk
from pipeline.runtime.errors import UserError
from pipeline.settings.models import PAPER_TRUNKS

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
TORCHVISIONS = [name for name in TRUNKS if name != "resnet_small"]


def on_meta(name, map_size=28):
    """The trunk without values: names and shapes alone."""
    with torch.device("meta"):
        return build_trunk(name, map_size).eval()


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def give_statistics(network):
    """Batch-norm statistics that differ from a new network's."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 2)
    return network.eval()


def test_the_config_knows_every_trunk():
    assert set(PAPER_TRUNKS) == set(TRUNKS)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"trunk": "resnet51"}, "did you mean 'resnet50'?"),
        ({"trunk": "keras:resnet50"}, "write 'timm:NAME' or 'torchvision:NAME'"),
        ({"trunk": "timm:"}, "write 'timm:NAME' or 'torchvision:NAME'"),
        ({"trunk": "resnet50", "map_size": 7}, "has map_size 14 or 28 and no dilation"),
        ({"trunk": "resnet50", "dilation": True}, "has map_size 14 or 28 and no dilation"),
        ({"trunk": "timm:resnet50", "map_size": 15}, "7, 14, 28, 56 or 'native'"),
    ],
)
def test_a_wrong_trunk_is_a_problem_of_the_config(keys, said):
    with pytest.raises(ValidationError, match=re.escape(said)):
        settings.Architecture(**keys)


def test_the_size_of_the_map_where_the_key_is_left_out():
    assert settings.Architecture(trunk="resnet50").cells == 28
    assert settings.Architecture(trunk="timm:resnet50").cells == "native"
    assert settings.Architecture(trunk="timm:resnet50", map_size=14).cells == 14


@pytest.mark.parametrize("map_size", [14, 28])
@pytest.mark.parametrize("name", TRUNKS)
def test_map_shapes_at_224(name, map_size):
    features = on_meta(name, map_size)(torch.empty(1, 3, 224, 224, device="meta"))["features"]
    side = map_size - 1 if name == "squeezenet1_0" else map_size
    channels = {
        "resnet_small": 256, "resnet18": 512, "resnet50": 2048, "vgg16": 1024, "vgg16_bn": 1024,
        "inception_v3": 1024, "squeezenet1_0": 512, "convnext_tiny": 768,
    }[name]  # fmt: skip
    assert features.shape == (1, channels, side, side)
    assert TRUNKS[name].channels == channels


def test_the_small_trunk_gives_14_cells_at_112():
    features = on_meta("resnet_small")(torch.empty(1, 3, 112, 112, device="meta"))["features"]
    assert features.shape == (1, 256, 14, 14)


@pytest.mark.parametrize("name", TORCHVISIONS)
def test_parameters_are_torchvisions_less_the_head_plus_the_added_layers(name):
    published = torchvision.models.get_model_weights(name).DEFAULT.meta["num_params"]
    classifier_of_vgg = 25088 * 4096 + 4096 * 4096 + 4096 * 1000 + 4096 + 4096 + 1000
    removed = {
        "resnet18": 513 * 1000,
        "resnet50": 2049 * 1000,
        "vgg16": classifier_of_vgg,
        "vgg16_bn": classifier_of_vgg,
        "squeezenet1_0": 513 * 1000,
        "convnext_tiny": 769 * 1000,
    }
    if name == "inception_v3":
        with torch.device("meta"):
            network = torchvision.models.inception_v3(init_weights=False)
        parts = ("AuxLogits", "Mixed_7a", "Mixed_7b", "Mixed_7c", "fc")
        removed[name] = sum(parameters(getattr(network, part)) for part in parts)
    added = {
        "vgg16": 512 * 1024 * 9 + 1024,
        "vgg16_bn": 512 * 1024 * 9 + 1024,
        "inception_v3": (768 + 1024) * 1024 * 9 + 2 * 1024,
    }
    assert parameters(on_meta(name)) == published - removed[name] + added.get(name, 0)


@pytest.mark.parametrize("name", TRUNKS)
def test_the_map_size_changes_no_tensor(name):
    shapes = [
        {key: value.shape for key, value in on_meta(name, map_size).state_dict().items()}
        for map_size in (14, 28)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", TRUNKS)
def test_gradients_reach_every_parameter(name):
    torch.manual_seed(0)
    trunk = build_trunk(name).eval()  # no dropout, and no batch norm that hides a bias
    trunk(IMAGES)["features"].square().mean().backward()
    idle = [n for n, p in trunk.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def names_of(prefix, layers):
    return {f"{prefix}.{name}" for name, _ in layers.named_parameters()}


def test_the_parameters_that_train_at_the_heads_rate():
    with torch.device("meta"):
        resnet18, resnet50 = torchvision.models.resnet18(), torchvision.models.resnet50()
        convnext = torchvision.models.convnext_tiny()
        small = torchvision.models.resnet.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1])
    expected = {
        "resnet_small": names_of("layer3", small.layer3),
        "resnet18": names_of("layer4", resnet18.layer4),
        "resnet50": names_of("layer4", resnet50.layer4),
        "vgg16": {"conv6.weight", "conv6.bias"},
        "vgg16_bn": {"conv6.weight", "conv6.bias"},
        "inception_v3": {
            "Conv2d_7a_3x3.weight", "Conv2d_7a_3x3.bias",
            "Conv2d_7b_3x3.weight", "Conv2d_7b_3x3.bias",
        },
        "squeezenet1_0": set(),
        "convnext_tiny": names_of("features.6", convnext.features[6])
        | names_of("features.7", convnext.features[7])
        | {"classifier.0.weight", "classifier.0.bias"},
    }  # fmt: skip
    training = settings.Training(method="calm_em", lr=0.1)
    for name in TRUNKS:
        job = settings.TrainJob(trunk=name, weights="none", seed=0, training=training)
        with torch.device("meta"):
            model = Classifier(job, 5)
        rate = {id(p): g["lr"] for g in model.parameter_groups(training) for p in g["params"]}
        trunk = {n: rate[id(p)] for n, p in model.trunk.named_parameters()}
        assert {n for n, lr in trunk.items() if lr == 1.0} == expected[name], name
        assert {lr for n, lr in trunk.items() if n not in expected[name]} == {0.1}, name
        assert all(rate[id(p)] == 1.0 for p in model.head.parameters()), name


@pytest.mark.parametrize(("name", "strided"), [("resnet18", "conv1"), ("resnet50", "conv2")])
@torch.no_grad()
def test_a_resnet_with_its_strides_back_is_torchvisions(name, strided):
    network = give_statistics(torchvision.models.get_model(name))
    trunk = build_trunk(name).eval()
    load_trunk(trunk, name, network.state_dict(), "torchvision")
    for stage in ("layer3.0", "layer4.0"):
        for layer in (strided, "downsample.0"):
            trunk.get_submodule(f"{stage}.{layer}").stride = (2, 2)
    layers = list(network.children())[:-2]  # without average pooling and fc
    assert torch.equal(trunk(IMAGES)["features"], nn.Sequential(*layers)(IMAGES))


@torch.no_grad()
def test_convnext_with_its_strides_back_is_torchvisions():
    network = torchvision.models.convnext_tiny().eval()
    for parameter in network.parameters():  # the residual branches start near zero
        parameter.add_(0.02 * torch.randn_like(parameter))
    trunk = build_trunk("convnext_tiny").eval()
    load_trunk(trunk, "convnext_tiny", network.state_dict(), "torchvision")
    for layer in ("features.4.1", "features.6.1"):
        layer = trunk.get_submodule(layer)
        layer.stride, layer.dilation, layer.padding = (2, 2), (1, 1), (0, 0)
    images = IMAGES[..., :32, :32]  # a single cell, where norm and average pooling commute
    expected = network.classifier[0](network.avgpool(network.features(images)))
    assert torch.allclose(trunk(images)["features"], expected, atol=1e-5)


@pytest.mark.parametrize("map_size", [14, 28])
@torch.no_grad()
def test_the_map_of_convnext_is_centred(map_size):
    trunk = build_trunk("convnext_tiny", map_size).eval()
    for parameter in trunk.parameters():
        parameter.add_(0.02 * torch.randn_like(parameter))
    features = trunk(IMAGES)["features"]
    for layer in trunk.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.copy_(layer.weight.flip(-1, -2))
    mirrored = trunk(IMAGES.flip(-1, -2))["features"]
    assert torch.allclose(mirrored.flip(-1, -2), features, atol=1e-4)


@pytest.mark.parametrize(("map_size", "pools"), [(14, 4), (28, 3)])
@pytest.mark.parametrize("name", ["vgg16", "vgg16_bn"])
@torch.no_grad()
def test_vgg_is_torchvisions_but_for_its_last_poolings(name, map_size, pools):
    with torch.device("meta"):
        layers = torchvision.models.get_model(name).features  # its classifier has 124 M weights
    trunk = give_statistics(build_trunk(name, map_size))
    state = trunk.state_dict()
    layers.to_empty(device="cpu").eval()
    layers.load_state_dict({key[9:]: v for key, v in state.items() if key.startswith("features.")})
    x = IMAGES
    for layer in layers:
        if isinstance(layer, nn.MaxPool2d):
            pools -= 1
        if pools >= 0 or not isinstance(layer, nn.MaxPool2d):
            x = layer(x)
    x = nn.functional.conv2d(x, state["conv6.weight"], state["conv6.bias"], padding=1)
    assert torch.equal(trunk(IMAGES)["features"], x.relu())


@torch.no_grad()
def test_vgg_with_batch_norm_after_its_added_convolution():
    torch.manual_seed(0)
    trunk = build_trunk("vgg16_bn", added_batch_norm=True, convert_input=True).eval()
    plain = build_trunk("vgg16_bn").eval()
    state = trunk.state_dict()
    state["bn6.running_mean"] += 0.1
    state["bn6.running_var"] *= 4
    trunk.load_state_dict(state)
    plain.load_state_dict({k: v for k, v in state.items() if not k.startswith("bn6.")})
    plain.get_submodule("relu6").forward = lambda x: x
    expected = ((plain(IMAGES)["features"] - 0.1) / (4 + 1e-5) ** 0.5).relu()
    assert torch.allclose(trunk(IMAGES)["features"], expected, atol=1e-5)
    with pytest.raises(UserError, match=r"unexpected: bn6\.bias"):
        load_trunk(build_trunk("vgg16_bn"), "vgg16_bn", state, "w.pth")


@pytest.mark.parametrize("map_size", [14, 28])
@torch.no_grad()
def test_squeezenet_is_torchvisions_but_for_its_last_pooling(map_size):
    network = torchvision.models.squeezenet1_0(weights=None).eval()
    trunk = build_trunk("squeezenet1_0", map_size).eval()
    load_trunk(trunk, "squeezenet1_0", network.state_dict(), "torchvision")
    expected = network.features(IMAGES)
    if map_size == 28:
        expected = network.features[12](network.features[:11](IMAGES))
    assert torch.equal(trunk(IMAGES)["features"], expected)


@torch.no_grad()
def test_squeezenet_with_batch_norm_before_the_heads():
    network = torchvision.models.squeezenet1_0(weights=None)
    trunk = build_trunk("squeezenet1_0", 14, added_batch_norm=True)
    load_trunk(trunk, "squeezenet1_0", network.state_dict(), "torchvision")  # which has none
    features = trunk(IMAGES)["features"]
    plain = network.eval().features(IMAGES)
    mean, var = plain.mean((0, 2, 3), keepdim=True), plain.var((0, 2, 3), False, keepdim=True)
    assert torch.allclose(features, (plain - mean) / (var + 1e-5).sqrt(), atol=1e-4)
    again = build_trunk("squeezenet1_0", 14, added_batch_norm=True)
    load_trunk(again, "squeezenet1_0", trunk.state_dict(), "a study")
    assert torch.equal(again.eval()(IMAGES)["features"], trunk.eval()(IMAGES)["features"])


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
