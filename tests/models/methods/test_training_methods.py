"""What all training methods have in common."""

import pytest
import torch

from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.models import build_classifier, load_model, save_model
from pipeline.models.classifier import Classifier
from pipeline.models.methods import acol, adl, spg
from pipeline.models.methods.altered import altered
from pipeline.models.trunks import TRUNKS, build_trunk
from pipeline.runtime.errors import UserError
from pipeline.settings import Training, TrainJob
from pipeline.training.optimisation import build_optimizer

PAPERS_TRUNKS = ("vgg16", "inception_v3", "resnet50", "resnet_small")
IMAGES = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))
# those with a module of their own
WSOL_METHODS = [name for name, entry in TRAINING_METHODS.items() if entry.module != "heads"]
LABELS = torch.tensor([0, 4, 2, 2, 1, 0])


def job(method, trunk="resnet_small", map_size=28, **training):
    return TrainJob(
        trunk=trunk,
        map_size=map_size,
        weights="none",
        seed=0,
        training=Training(method=method, **training),
    )


@pytest.fixture
def narrow(monkeypatch):
    """ACoL's heads with fewer channels: they have 11 million weights each."""
    monkeypatch.setattr(acol, "WIDTH", 32)


@pytest.mark.parametrize("map_size", [14, 28])
@pytest.mark.parametrize("trunk", PAPERS_TRUNKS)
@pytest.mark.parametrize("method", WSOL_METHODS)
def test_a_step_on_every_trunk_reaches_every_parameter(method, trunk, map_size):
    with torch.device("meta"):  # shapes and the graph of gradients, without values
        model = Classifier(job(method, trunk, map_size), 5)
    images = torch.empty(2, 3, 224, 224, device="meta")
    maps, loss = model.training_step(images, torch.empty(2, dtype=torch.long, device="meta"))
    assert maps.shape == (2, 5, map_size, map_size)
    assert maps.dtype == torch.float32
    loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    groups = [
        id(p) for group in model.parameter_groups(model.job.training) for p in group["params"]
    ]
    assert sorted(groups) == sorted(id(p) for p in model.parameters())


@pytest.mark.parametrize("method", WSOL_METHODS)
@pytest.mark.usefixtures("narrow")
def test_gradients_have_values(method):
    torch.manual_seed(0)
    model = build_classifier(job(method), 5).train()
    touched = set()
    for _ in range(4):  # a coin may leave an attention without gradient
        model.zero_grad()
        model.training_step(IMAGES, LABELS)[1].backward()
        touched |= {name for name, p in model.named_parameters() if p.grad.abs().sum() > 0}
    assert touched == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("method", WSOL_METHODS)
@pytest.mark.usefixtures("narrow")
def test_a_step_in_half_precision_is_near_the_full_one(method):
    model = build_classifier(job(method), 5).train()
    losses = []
    for enabled in (False, True):
        torch.manual_seed(3)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            maps, loss = model.training_step(IMAGES, LABELS)
        assert maps.dtype == loss.dtype == torch.float32
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


@pytest.mark.parametrize("method", WSOL_METHODS)
@pytest.mark.usefixtures("narrow")
def test_a_short_training_lowers_the_loss(method):
    training = Training(method=method, lr=0.01, head_lr_ratio=1.0)
    model = build_classifier(job(method), 5).train()
    optimizer = build_optimizer(model.parameter_groups(training), training)
    torch.manual_seed(0)
    losses = []
    for _ in range(16):
        _, loss = model.training_step(IMAGES, LABELS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-4:]) < 0.85 * sum(losses[:4])


@pytest.mark.parametrize("method", ["has", "adl", "cutmix", "spg", "inca"])
@torch.no_grad()
def test_at_test_the_model_is_cams(method, tmp_path):
    model = build_classifier(job(method), 5)
    model.training_step(IMAGES, LABELS)  # batch statistics
    save_model(model, tmp_path / "w.safetensors", {})
    model = load_model(tmp_path / "w.safetensors")
    cam = build_classifier(job("cam"), 5).eval()
    state = model.state_dict()
    cam.load_state_dict({name: state[name] for name in cam.state_dict()})
    maps = model(IMAGES)
    assert model.kind == "cam"
    assert torch.equal(maps, cam(IMAGES))
    assert torch.equal(model.head.log_probs(maps), cam.head.log_probs(maps))
    assert torch.equal(model.loss(maps, LABELS), cam.loss(maps, LABELS))
    images = torch.arange(6)
    assert torch.equal(model.class_maps(IMAGES, maps, images, LABELS), maps[images, LABELS])


@pytest.mark.parametrize("trunk", sorted({*adl.PLACES, *spg.PLACES}))
@torch.no_grad()
def test_places_are_the_outputs_of_the_modules_that_they_name(trunk):
    places = {**adl.PLACES.get(trunk, {}), **spg.PLACES[trunk]}
    inner = [place for place in places if place != "features"]
    network = TRUNKS[trunk].build(28).eval()
    seen = {}
    for place in inner:
        network.get_submodule(place).register_forward_hook(
            lambda module, inputs, output, place=place: seen.update({place: output.clone()})
        )
    images = torch.randn(1, 3, 64, 64)
    # ConvNeXt is to end before its classifier, which does not fit the larger map
    run = network.features if trunk == "convnext_tiny" else network
    run(images)
    extractor = build_trunk(trunk, 28, places).eval()
    extractor.load_state_dict(network.state_dict(), strict=False)
    outputs = extractor(images)
    assert outputs.keys() == {"features", *places}
    for place in inner:
        assert torch.equal(outputs[place], seen[place]), place
    assert {place: outputs[place].shape[1] for place in places} == places


@pytest.mark.parametrize("method", ["adl", "inca", "spg"])
def test_a_trunk_without_places_is_named(method):
    trunk = "timm:cait_xxs24_224"  # whose blocks show no square of tokens
    with pytest.raises(UserError, match=f"'{method}' has no places in trunk '{trunk}'"):
        build_classifier(job(method, trunk, "native"), 5)


@torch.no_grad()
def test_altered_features_flow_on():
    trunk = build_trunk("resnet_small", 28, ["layer2"])
    for mode in (True, False):
        trunk.train(mode)
        outputs = altered(trunk, IMAGES, {"layer2": lambda x: 2 * x, "features": lambda x: x + 1})
        plain = trunk(IMAGES)  # unchanged by the pass before
        assert torch.equal(outputs["layer2"], 2 * plain["layer2"])
        # the rest of the trunk by hand: one basic block
        layer = trunk.layer3.get_submodule("0")
        x = 2 * plain["layer2"]
        y = layer.bn2(layer.conv2(layer.bn1(layer.conv1(x)).relu()))
        expected = y + layer.downsample.get_submodule("1")(layer.downsample.get_submodule("0")(x))
        assert torch.allclose(outputs["features"], expected.relu() + 1, atol=1e-5)
