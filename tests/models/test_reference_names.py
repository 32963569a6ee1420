"""The authors' checkpoints, written here with their names around torchvision's own networks."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from pipeline import calm
from pipeline.models import build_classifier
from pipeline.models.classifier import Classifier
from pipeline.models.reference_names import renamed
from pipeline.models.trunks import build_trunk, remove_strides
from pipeline.runtime.errors import UserError
from pipeline.settings import Training, TrainJob

CLASSES = 5
IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def job(method, trunk, path="none", head="trained", map_size=28):
    training = Training(method=method, head=head, location="relu", epochs=0)
    return TrainJob(trunk=trunk, map_size=map_size, weights=str(path), seed=1, training=training)


def write(folder, architecture, state):
    """A file as the released code saves it after its last epoch."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(2))], lr=0.1, momentum=0.9)
    content = {
        "architecture": architecture,
        "epoch": 40,
        "state_dict": state,
        "optimizer": optimizer.state_dict(),
    }
    torch.save(content, folder / "last_checkpoint.pth.tar")
    return folder / "last_checkpoint.pth.tar"


def branches(channels):
    """The class branch and the location branch as the released code names them."""
    return {
        "conv_last.weight": torch.randn(CLASSES, channels, 1, 1) / channels**0.5,
        "conv_last.bias": torch.randn(CLASSES),
        "attention.0.weight": torch.randn(1, channels, 1, 1) / channels**0.5,
        "attention.0.bias": torch.ones(1),
    }


@pytest.fixture(scope="module")
def resnet():
    """torchvision's ResNet50 with the released strides, and its checkpoint's tensors."""
    torch.manual_seed(0)
    network = torchvision.models.resnet50().eval()
    remove_strides(network.layer3)
    remove_strides(network.layer4)
    tensors = {k: v for k, v in network.state_dict().items() if not k.startswith("fc.")}
    return nn.Sequential(*list(network.children())[:-2]), {**tensors, **branches(2048)}


@pytest.mark.parametrize("prefix", ["", "module."])
@torch.no_grad()
def test_the_published_calm_is_the_papers_equation(resnet, tmp_path, prefix):
    network, state = resnet
    path = write(tmp_path, "resnet50", {prefix + name: value for name, value in state.items()})
    model = build_classifier(job("calm_em", "resnet50", path), CLASSES, path).eval()
    features = network(IMAGES)
    g = F.conv2d(features, state["conv_last.weight"], state["conv_last.bias"])
    h = F.conv2d(features, state["attention.0.weight"], state["attention.0.bias"]).relu()
    joint = g.softmax(dim=1) * h / h.sum(dim=(2, 3), keepdim=True)
    assert torch.allclose(model(IMAGES).exp(), joint, atol=1e-6)
    probabilities = calm.class_log_probs(model(IMAGES)).exp()
    assert torch.allclose(probabilities, joint.sum(dim=(2, 3)), atol=1e-5)


@torch.no_grad()
def test_the_released_cam_leaves_its_location_branch(resnet, tmp_path):
    network, state = resnet
    path = write(tmp_path, "resnet50", state)
    model = build_classifier(job("cam", "resnet50", path), CLASSES, path).eval()
    expected = F.conv2d(network(IMAGES), state["conv_last.weight"], state["conv_last.bias"])
    assert torch.allclose(model(IMAGES), expected, atol=1e-4)
    scratch = build_classifier(job("cam", "resnet50", path, head="scratch"), 3, path)
    assert torch.equal(scratch.trunk.state_dict()["bn1.weight"], state["bn1.weight"])


def test_other_classes_are_named(resnet, tmp_path):
    path = write(tmp_path, "resnet50", resnet[1])
    with pytest.raises(UserError, match=r"classes\.bias \(5,\) instead of \(6,\)"):
        build_classifier(job("calm_em", "resnet50", path), CLASSES + 1, path)


def their_vgg(map_size, batch_norm):
    """VGG16 as the authors number it: poolings that are left out are not counted."""
    layers, channels = [], 3
    last = [512, 512, 512] if map_size == 28 else ["M", 512, 512, 512]
    for size in [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, *last]:
        if size == "M":
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers.append(nn.Conv2d(channels, size, 3, padding=1))
        layers += [nn.BatchNorm2d(size)] if batch_norm else []
        layers.append(nn.ReLU())
        channels = size
    network = nn.Module()
    network.features, network.conv6 = nn.Sequential(*layers), nn.Conv2d(512, 1024, 3, padding=1)
    if batch_norm:
        network.bn6 = nn.BatchNorm2d(1024)
    return network.eval()


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("map_size", [14, 28])
@torch.no_grad()
def test_vgg_of_the_released_code(tmp_path, map_size, batch_norm):
    torch.manual_seed(0)
    network = their_vgg(map_size, batch_norm)
    state = {**network.state_dict(), **branches(1024)}
    path = write(tmp_path, "vgg16", state)
    wanted = job("cam", "vgg16_bn" if batch_norm else "vgg16", path, map_size=map_size)
    training = wanted.training.model_copy(update={"added_batch_norm": batch_norm})
    wanted = wanted.model_copy(update={"training": training})
    model = build_classifier(wanted, CLASSES, path).eval()
    features = network.conv6(network.features(IMAGES))
    features = (network.bn6(features) if batch_norm else features).relu()
    expected = F.conv2d(features, state["conv_last.weight"], state["conv_last.bias"])
    assert torch.allclose(model(IMAGES), expected, atol=1e-5)


@torch.no_grad()
def test_vgg_of_the_benchmark_has_a_linear_layer(tmp_path):
    network = their_vgg(28, False)
    fc = nn.Linear(1024, CLASSES)
    named = {f"fc.{name}": value for name, value in fc.state_dict().items()}
    path = write(tmp_path, "vgg16", {**network.state_dict(), **named})
    model = build_classifier(job("cam", "vgg16", path), CLASSES, path).eval()
    features = network.conv6(network.features(IMAGES)).relu()
    expected = fc(features.mean(dim=(2, 3))).log_softmax(dim=1)
    assert torch.allclose(model.log_probs(IMAGES), expected, atol=1e-5)


def shapes(model):
    """Name -> shape of all tensors, heads under head. and the trunk's under their own names."""
    return {k.removeprefix("trunk."): tuple(v.shape) for k, v in model.state_dict().items()}


def on_meta(method, trunk, **training):
    with torch.device("meta"):
        wanted = TrainJob(
            trunk=trunk, weights="none", seed=0, training=Training(method=method, **training)
        )
        return Classifier(wanted, CLASSES)


def theirs(stem, layers):
    """Tensors without values: those of a stem, and convolutions name -> weight shape."""
    state = dict(stem)
    for name, shape in layers.items():
        state[f"{name}.weight"] = torch.empty(shape, device="meta")
        state[f"{name}.bias"] = torch.empty(shape[0], device="meta")
    return state


def stem_of(trunk, leave=()):
    with torch.device("meta"):
        state = build_trunk(trunk).state_dict()
    return {k: v for k, v in state.items() if not k.startswith(tuple(leave))}


ADDED = ("Conv2d_7",)
WIDE = {"2": (1024, 1024, 3, 3), "4": (CLASSES, 1024, 1, 1)}


def acol_heads(channels):
    heads = {}
    for head in ("classifier_A", "classifier_B"):
        layers = {"0": (1024, channels, 3, 3), **WIDE}
        heads |= {f"{head}.{number}": shape for number, shape in layers.items()}
    return heads


def spg_heads(early, late, last, width):
    return {
        "SPG_B_1a.0": (width, early, 3, 3),
        "SPG_B_2a.0": (width, late, 3, 3),
        "SPG_B_shared.0": (width, width, 3, 3),
        "SPG_B_shared.2": (1, width, 1, 1),
        "SPG_C.0": (512, last, 3, 3),
        "SPG_C.2": (1, 512, 1, 1),
    }


def benchmarks(method, trunk):
    """The names and shapes of the benchmark's models, written out."""
    if trunk == "inception_v3":
        stem = stem_of(trunk, ADDED)
        if method == "acol":
            return theirs(stem, acol_heads(768))
        heads = {
            "SPG_A3_1b.0": (1024, 768, 3, 3),
            "SPG_A3_2b.0": (1024, 1024, 3, 3),
            "SPG_A4": (CLASSES, 1024, 1, 1),
        }
        return theirs(
            stem, {**heads, **spg_heads(288, 768, 1024, 512)} if method == "spg" else heads
        )
    if trunk == "resnet50":
        stem = stem_of(trunk)
        if method == "acol":
            return theirs(stem, acol_heads(2048))
        if method == "adl":  # layers of its own are counted after layer3[0], layer4[0], layer4[2]
            moved = {}
            for name, value in stem.items():
                stage, number, *rest = name.split(".")
                if stage in ("layer3", "layer4") and int(number) > 0:
                    name = ".".join([stage, str(int(number) + 1), *rest])
                moved[name] = value
            fc = {
                "fc.weight": torch.empty(CLASSES, 2048, device="meta"),
                "fc.bias": torch.empty(CLASSES, device="meta"),
            }
            return {**moved, **fc}
        parted = {}
        for name, value in stem.items():
            stage, number, *rest = name.split(".")
            if stage == "layer3":
                part = ("SPG_A1", "0") if number == "0" else ("SPG_A2", str(int(number) - 1))
                name = ".".join([*part, *rest])
            parted[name] = value
        heads = {"SPG_A4": (CLASSES, 2048, 1, 1), **spg_heads(1024, 1024, 2048, 1024)}
        return theirs(parted, heads)
    # VGG16 with all poolings counted: the first ten convolutions, then conv4, conv5
    numbers = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    sizes = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    inputs = [3, *sizes[:-1]]
    convs = {
        f"features.{n}": (size, of, 3, 3)
        for n, size, of in zip(numbers, sizes, inputs, strict=True)
    }
    if method == "acol":
        return theirs({}, {**convs, **acol_heads(512)})
    parts = [f"SPG_A_{part}.{number}" for part in (1, 2) for number in (0, 2, 4)]
    spg = dict(list(convs.items())[:7]) | {
        part: convs[f"features.{n}"] for part, n in zip(parts, numbers[7:], strict=True)
    }
    spg |= {"SPG_A_3.0": (512, 512, 3, 3), "SPG_A_3.2": (512, 512, 3, 3)}
    spg |= {"SPG_A_4": (CLASSES, 512, 1, 1), **spg_heads(512, 512, 512, 512)}
    return theirs({}, spg)


@pytest.mark.parametrize(
    ("method", "trunk"),
    [
        *((method, trunk) for method in ("acol", "spg") for trunk in ("vgg16", "resnet50")),
        *((method, "inception_v3") for method in ("cam", "acol", "spg")),
        ("adl", "resnet50"),
    ],
)
def test_the_benchmarks_models_have_all_our_tensors_and_no_others(method, trunk):
    state = renamed(benchmarks(method, trunk), trunk, method)
    found = {name: tuple(value.shape) for name, value in state.items()}
    assert found == shapes(on_meta(method, trunk))


def test_inception_of_the_released_code_with_batch_norm():
    state = stem_of("inception_v3", ADDED)
    for name, inputs in (("A3_1b", 768), ("A3_2b", 1024)):
        state |= theirs({}, {f"{name}.0": (1024, inputs, 3, 3)})
        norm = {f"{name}.1.{k}": v for k, v in nn.BatchNorm2d(1024).state_dict().items()}
        state |= norm
    state |= theirs({}, {"conv_last": (CLASSES, 1024, 1, 1), "attention.0": (1, 1024, 1, 1)})
    found = {k: tuple(v.shape) for k, v in renamed(state, "inception_v3", "calm_ml").items()}
    assert found == shapes(on_meta("calm_ml", "inception_v3", added_batch_norm=True))


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "vgg16", "squeezenet1_0", "convnext_tiny"]
)
def test_torchvisions_names_stay(name):
    with torch.device("meta"):
        state = torchvision.models.get_model(name).state_dict()
    assert renamed(state, name, "cam") is state
