import math

import pytest
import torch

from pipeline.settings import Training
from pipeline.training.optimisation import build_optimizer, lr_factor, set_lr


def factor(epoch, **keys):
    return lr_factor(Training(method="cam", **keys), epoch)


# epochs from 1 with their rates, as the released code and the WSOL benchmark give them: both
# multiply by 0.1 before an epoch whose number is a multiple of the decay's frequency
RATES = {
    (10, 3): {1: 1, 2: 1, 3: 0.1, 4: 0.1, 5: 0.1, 6: 0.01, 7: 0.01, 8: 0.01, 9: 0.001, 10: 0.001},
    (6, 2): {1: 1, 2: 0.1, 3: 0.1, 4: 0.01, 5: 0.01, 6: 0.001},
    (3, 1): {1: 0.1, 2: 0.01, 3: 0.001},
    (2, 3): {1: 1, 2: 1},
}


@pytest.mark.parametrize(("epochs", "every"), RATES)
def test_step_schedule_is_the_released_codes_epoch_by_epoch(epochs, every):
    for number, rate in RATES[epochs, every].items():
        for within in (0.0, 0.99):  # the rate is that of the whole epoch
            assert factor(
                number - 1 + within, epochs=epochs, decay_every=every, decay_factor=0.1
            ) == pytest.approx(rate), number


def test_of_forty_epochs_the_papers_last_eleven_are_slow():
    rates = [factor(e, epochs=40, decay_every=30, decay_factor=0.1) for e in range(40)]
    assert rates == pytest.approx([1.0] * 29 + [0.1] * 11)


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
