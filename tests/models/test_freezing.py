import pytest
import torch
from torch import nn

from pipeline.models import build_classifier, load_model, save_model
from pipeline.models.classifier import Classifier
from pipeline.models.trunks import TRUNKS, build_trunk
from pipeline.runtime.errors import UserError
from pipeline.settings import Training, TrainJob
from pipeline.training.optimisation import build_optimizer

IMAGES = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 2, 1, 0])


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The file of a small model with batch-norm statistics of its own."""
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    job = TrainJob(trunk="resnet_small", weights="none", seed=4, training=Training(method="cam"))
    model = build_classifier(job, 3)
    with torch.no_grad():
        model.train()(IMAGES)
    save_model(model, path, {})
    return path


def frozen(weights, stages, method="cam", **keys):
    training = Training(method=method, frozen_stages=stages, lr=0.1, **keys)
    job = TrainJob(trunk="resnet_small", weights=str(weights), seed=0, training=training)
    return build_classifier(job, 3, weights)


def prefixes(name, count):
    """Of the names in the first stages of a trunk."""
    return tuple(prefix for stage in TRUNKS[name].stages[:count] for prefix in stage)


@pytest.mark.parametrize("name", TRUNKS)
def test_the_stages_of_every_trunk_hold_each_of_its_tensors_once(name):
    with torch.device("meta"):
        trunk = build_trunk(name)
    stages = TRUNKS[name].stages
    of = {
        tensor: [number for number, stage in enumerate(stages) if tensor.startswith(stage)]
        for tensor in trunk.state_dict()
    }
    assert {len(numbers) for numbers in of.values()} == {1}
    assert {numbers[0] for numbers in of.values()} == set(range(len(stages)))
    # in the order in which the graph applies them
    applied = [
        number
        for node in trunk.graph.nodes
        if node.op == "call_module"
        for number, stage in enumerate(stages)
        if f"{node.target}.".startswith(stage)
    ]
    assert applied == sorted(applied)


@pytest.mark.parametrize("name", TRUNKS)
def test_no_gradient_passes_the_frozen_stages_of_any_trunk(name):
    training = Training(method="cam", frozen_stages=2)
    with torch.device("meta"):
        model = Classifier(TrainJob(trunk=name, weights="none", seed=0, training=training), 3)
    model.train()
    side = 224 if name == "inception_v3" else 64
    images = torch.empty(2, 3, side, side, device="meta")
    _, loss = model.training_step(images, torch.empty(2, dtype=torch.long, device="meta"))
    loss.backward()
    still = prefixes(name, 2)
    trained = {id(p) for group in model.parameter_groups(training) for p in group["params"]}
    for tensor, parameter in model.trunk.named_parameters():
        moves = not tensor.startswith(still)
        assert (parameter.grad is not None) == moves, tensor
        assert (id(parameter) in trained) == moves, tensor
    for module_name, module in model.trunk.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.training != f"{module_name}.".startswith(still), module_name


@pytest.mark.parametrize("stages", [0, 1, 3, 4])
def test_frozen_tensors_stay_bit_equal_and_the_others_move(weights, stages):
    model = frozen(weights, stages)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    training = model.job.training
    optimizer = build_optimizer(model.parameter_groups(training), training)
    for _ in range(2):
        model.eval()  # as between two epochs
        model.train()
        _, loss = model.training_step(IMAGES, LABELS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    still = tuple(f"trunk.{prefix}" for prefix in prefixes("resnet_small", stages))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith(still or "none"), name


@torch.no_grad()
def test_a_frozen_stage_gives_in_training_what_it_gives_at_test(weights):
    model = frozen(weights, 2)
    for stage, same in (("layer1", True), ("layer2", False)):
        trunk = build_trunk("resnet_small", 28, [stage], frozen_stages=2)
        trunk.load_state_dict(model.trunk.state_dict())
        model.trunk = trunk
        outputs = [model.train(mode).trunk(IMAGES)[stage] for mode in (True, False)]
        assert torch.equal(*outputs) == same


@torch.no_grad()
def test_what_is_frozen_draws_nothing_at_random():
    torch.manual_seed(0)
    for stages, same in ((len(TRUNKS["convnext_tiny"].stages), True), (1, False)):
        trunk = build_trunk("convnext_tiny", frozen_stages=stages).train()
        for parameter in trunk.parameters():  # the residual branches start near zero
            parameter.add_(0.02 * torch.randn_like(parameter))
        images = IMAGES[:, :, :32, :32]
        assert torch.equal(trunk(images)["features"], trunk(images)["features"]) == same


@torch.no_grad()
def test_a_saved_model_with_frozen_stages_is_rebuilt(weights, tmp_path):
    model = frozen(weights, 2).eval()
    save_model(model, tmp_path / "w.safetensors", {})
    assert torch.equal(load_model(tmp_path / "w.safetensors")(IMAGES), model(IMAGES))


@pytest.mark.parametrize("method", ["acol", "spg", "adl", "inca", "has", "cutmix", "calm_em"])
def test_every_method_trains_on_frozen_stages(weights, method):
    model = frozen(weights, 2, method).train()
    _, loss = model.training_step(IMAGES, LABELS)
    loss.backward()
    assert model.trunk.get_parameter("layer3.0.conv1.weight").grad.abs().sum() > 0
    assert model.trunk.get_parameter("layer1.0.conv1.weight").grad is None


def test_more_stages_than_there_are(weights):
    with pytest.raises(UserError, match=r"frozen_stages: 5: this trunk has 4 stages \(conv1, bn1;"):
        frozen(weights, 5)


def test_frozen_stages_need_weights():
    training = Training(method="cam", frozen_stages=1)
    job = TrainJob(trunk="resnet_small", weights="none", seed=0, training=training)
    with pytest.raises(UserError, match="frozen_stages: 1: without weights"):
        build_classifier(job, 3)
