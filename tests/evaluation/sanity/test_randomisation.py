import copy

import pytest
import torch

from pipeline.evaluation.sanity.randomisation import cascade, fresh_state, units
from pipeline.models import build_classifier
from pipeline.models.trunks import TRUNKS
from pipeline.settings import Training, TrainJob


def classifier(trunk="resnet_small", method="calm_em", seed=1):
    job = TrainJob(trunk=trunk, weights="none", seed=seed, training=Training(method=method))
    return build_classifier(job, 3).eval()


@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_units_hold_every_parameter_once(trunk):
    model = classifier(trunk)
    order = units(model)
    keys = [key for unit in order for key in unit.keys]
    assert sorted(keys) == sorted(model.state_dict())
    assert order[0].name == "head"
    state = model.state_dict()
    assert all(any(state[key].ndim > 1 for key in unit.keys) for unit in order)


def test_units_are_blocks_from_the_last_to_the_first():
    names = [unit.name for unit in units(classifier())]
    assert names == ["head", "layer3.0", "layer2.0", "layer1.0", "conv1"]
    convnext = [unit.name for unit in units(classifier("convnext_tiny"))]
    assert convnext == ["head", *(f"features.{stage}" for stage in range(7, -1, -1))]
    first = units(classifier())[-1]
    assert {key.split(".")[1] for key in first.keys} == {"conv1", "bn1"}


def test_each_step_of_the_cascade_changes_one_more_unit_and_nothing_else():
    model = classifier()
    before = copy.deepcopy(model.state_dict())
    order, fresh = units(model), fresh_state(model, 5)
    for depth, randomised in enumerate(cascade(model, fresh, order)):
        done = {key for unit in order[: depth + 1] for key in unit.keys}
        for key, value in randomised.state_dict().items():
            assert torch.equal(value, fresh[key] if key in done else before[key]), key
        assert not randomised.training
    assert depth == len(order) - 1
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_fresh_weights_come_from_the_seed_alone():
    model = classifier()
    torch.manual_seed(0)
    first = fresh_state(model, 5)
    drawn = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(3), drawn)  # the caller's own draws go on as they would
    again, other = fresh_state(model, 5), fresh_state(model, 6)
    assert all(torch.equal(first[key], again[key]) for key in first)
    for unit in units(model):
        key = next(key for key in unit.keys if first[key].ndim > 1)
        assert not torch.equal(first[key], other[key])
        assert not torch.equal(first[key], model.state_dict()[key])
