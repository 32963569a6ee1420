"""The processes of one training: a single one, or one per GPU, which share every batch (DDP).

The job's own process is rank 0. It starts the others by its own command line, and it alone writes.
"""

import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch import nn

from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import Machine, is_started_rank
from pipeline.runtime.orphans import end_with_parent
from pipeline.training.precision import Precision
from pipeline.training.waiting import Watch, patience

TIMEOUT = "CALM_RANK_TIMEOUT"  # variable: how many seconds a process waits for the others
_SECONDS = 1800
_LATER = 60  # seconds
_LOST = re.compile(r"time[ds]? ?out|connection (closed|reset|refused)|broken pipe", re.IGNORECASE)

log = logging.getLogger(__name__)


def start(machine: Machine, precision: Precision, watch: Watch) -> Fabric:
    """Start the processes of a training, or join them where this is one of the others.

    ``torchrun`` may start them as well. A cluster's own variables are not asked: to Slurm, several
    GPUs of a job are one task.

    Args:
        machine: one process for each of its GPUs, or a single one on the CPU; they divide its
            threads among themselves.
        precision: of Fabric.
        watch: counts the steps of this process, for the others.
    """
    processes = max(machine.gpus, 1)
    if is_started_rank():
        end_with_parent()
    elastic = TorchElasticEnvironment.detect()
    fabric = Fabric(
        accelerator=machine.device,
        devices=processes,
        strategy="auto" if processes == 1 else _ddp(),
        precision=precision,
        plugins=TorchElasticEnvironment() if elastic else LightningEnvironment(),
        callbacks=[watch],
    )
    if processes == 1:
        return fabric
    said = threading.Timer(patience(_timeout()), _say_that_it_starts)
    said.daemon = True
    said.start()
    try:
        with _loss_told(fabric):
            fabric.launch()
    finally:
        said.cancel()
    torch.set_num_threads(share(machine.threads, fabric))
    if not fabric.is_global_zero:
        logging.getLogger().setLevel(logging.WARNING)  # one log, of rank 0
    return fabric


def share(count: int, fabric: Fabric) -> int:
    """The part of ``count`` threads that a process of the training gets, rounded up."""
    return -(-count // fabric.world_size)


def share_batch_norms(model: nn.Module) -> None:
    """Let batch norms take their statistics over the images of all processes, in place."""
    # torch's own conversion strips the activation of those of timm's norms that have one
    from timm.layers import convert_sync_batchnorm

    convert_sync_batchnorm(model)


@contextmanager
def others_awaited(fabric: Fabric, watch: Watch) -> Iterator[None]:
    """Work in step with the other processes of a training, and say so where one is late.

    Where one is late for as long as `TIMEOUT` says, this process ends with a message.

    Raises:
        UserError: one of them was gone; those that this process started are ended.
    """
    rank, ranks = fabric.global_rank, fabric.world_size
    with _loss_told(fabric), watch.over(rank, ranks, _timeout(), lambda: _kill_started(fabric)):
        yield


@contextmanager
def _loss_told(fabric: Fabric) -> Iterator[None]:
    """Turn the errors of gloo and NCCL for a lost process into a UserError."""
    try:
        yield
    except RuntimeError as error:  # torch has several kinds
        if fabric.world_size == 1 or not _LOST.search(str(error)):
            raise
        _kill_started(fabric)
        raise UserError(
            f"process {fabric.global_rank} of a training on {fabric.world_size} devices waited in "
            f"vain for the others (at most {_timeout()} s, {TIMEOUT}): one was stopped, has ended "
            "or cannot go on, as where its disk hangs. See to it and run again: the training goes "
            "on from its last epoch."
        ) from error


def _kill_started(fabric: Fabric) -> None:
    for process in getattr(fabric.strategy.launcher, "procs", ()):
        process.kill()  # a stopped one would stay


def _say_that_it_starts() -> None:
    if not is_started_rank():
        log.warning(
            "the other processes of this training have not all started yet; after %d s (%s) it "
            "ends", _timeout(), TIMEOUT,
        )  # fmt: skip


def _ddp() -> DDPStrategy:
    # the watch comes first: where NCCL finds that one is late it ends the process without a word
    return DDPStrategy(timeout=timedelta(seconds=_timeout() + _LATER))


def _timeout() -> int:
    given = os.environ.get(TIMEOUT, str(_SECONDS))
    if not given.isdecimal() or not int(given):
        raise UserError(f"{TIMEOUT}={given}: give whole seconds, at least 1.")
    return int(given)


def end_others(fabric: Fabric, watch: Watch) -> None:
    """End every process but rank 0, once all have come here."""
    watch.on_step()
    with others_awaited(fabric, watch):
        fabric.barrier()
    if not fabric.is_global_zero:
        raise SystemExit
