"""The optimiser and its learning-rate schedule (paper, section 5.1 and Appendix C)."""

import math

import torch

from pipeline.settings import Training


def build_optimizer(groups: list[dict], training: Training) -> torch.optim.SGD:
    """SGD over explicit parameter groups; each remembers its rate as ``initial_lr``."""
    optimizer = torch.optim.SGD(
        groups,
        lr=training.lr,
        momentum=training.momentum,
        nesterov=training.nesterov and training.momentum > 0,
        weight_decay=training.weight_decay,
    )
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def lr_factor(training: Training, epoch: float) -> float:
    """The learning rate relative to its start, ``epoch`` (0-based, fractional) into training.

    A linear warm-up multiplies the schedule: step, cosine (to zero at the end) or constant.

    Step multiplies by decay_factor before the epochs decay_every, 2 decay_every, ..., counted from
    1, as the released code and the WSOL benchmark do: the first step comes after decay_every - 1
    epochs.
    """
    warmup = min(1.0, epoch / training.warmup_epochs) if training.warmup_epochs else 1.0
    if training.schedule == "step":
        return warmup * training.decay_factor ** ((int(epoch) + 1) // training.decay_every)
    if training.schedule == "cosine":
        return warmup * 0.5 * (1 + math.cos(math.pi * epoch / training.epochs))
    return warmup


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's rate to ``factor`` times its own start."""
    for group in optimizer.param_groups:
        group["lr"] = factor * group["initial_lr"]
