"""The processes of one training: a single one, or one per GPU, which share every batch (DDP).

The job's own process is rank 0. It starts the others by its own command line, and it alone writes.
"""

import logging
from typing import Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment

from pipeline.runtime.machine import Machine, is_started_rank
from pipeline.runtime.orphans import end_with_parent


def start(machine: Machine, precision: Literal["32-true", "bf16-mixed"]) -> Fabric:
    """Start the processes of a training, or join them where this is one of the others.

    ``torchrun`` may start them as well. A cluster's own variables are not asked: to Slurm, several
    GPUs of a job are one task.

    Args:
        machine: one process for each of its GPUs, or a single one on the CPU; they divide its
            threads among themselves.
        precision: of Fabric.
    """
    processes = max(machine.gpus, 1)
    if is_started_rank():
        end_with_parent()
    elastic = TorchElasticEnvironment.detect()
    fabric = Fabric(
        accelerator=machine.device,
        devices=processes,
        strategy="auto" if processes == 1 else "ddp",
        precision=precision,
        plugins=TorchElasticEnvironment() if elastic else LightningEnvironment(),
    )
    if processes == 1:
        return fabric
    fabric.launch()
    torch.set_num_threads(share(machine.threads, fabric))
    if not fabric.is_global_zero:
        logging.getLogger().setLevel(logging.WARNING)  # one log, of rank 0
    return fabric


def share(count: int, fabric: Fabric) -> int:
    """The part of ``count`` threads that a process of the training gets, rounded up."""
    return -(-count // fabric.world_size)


def end_others(fabric: Fabric) -> None:
    """End every process but rank 0, once all have come here."""
    fabric.barrier()
    if not fabric.is_global_zero:
        raise SystemExit
