import math

import pytest
import torch

from pipeline.settings import Training
from pipeline.training.optimisation import build_optimizer, lr_factor, set_lr


def factor(epoch, **keys):
    return lr_factor(Training(method="cam", **keys), epoch)


def test_step_schedule_is_the_released_codes():
    steps = [factor(e, epochs=40, decay_every=30, decay_factor=0.1) for e in (0, 29.9, 30, 39)]
    assert steps == pytest.approx([1, 1, 0.1, 0.1])


def test_cosine_schedule_ends_at_zero():
    values = [factor(e, schedule="cosine", epochs=8) for e in (0, 2, 4, 8)]
    assert values == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, 0])


def test_warm_up_is_linear_and_multiplies_the_schedule():
    values = [factor(e, schedule="constant", warmup_epochs=2) for e in (0, 0.5, 1, 2, 3)]
    assert values == pytest.approx([0, 0.25, 0.5, 1, 1])


def test_groups_keep_their_ratio():
    groups = [
        {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1},
        {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 1.0},
    ]
    optimizer = build_optimizer(groups, Training(method="cam", lr=0.1))
    set_lr(optimizer, 0.5)
    set_lr(optimizer, 0.25)  # of the start, not of the last
    assert [group["lr"] for group in optimizer.param_groups] == [0.025, 0.25]
    assert all(group["nesterov"] and group["momentum"] == 0.9 for group in optimizer.param_groups)
