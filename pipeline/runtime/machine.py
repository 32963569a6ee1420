"""What a job was given to run on: GPUs, CPU threads, decoding workers.

None of it belongs to the config: it comes from the workflow's resources and threads, and changes
no result beyond rounding.
"""

import argparse
import os
from dataclasses import dataclass

from pipeline.runtime import devices
from pipeline.runtime.errors import UserError

# Set where a job's GPUs are what Slurm granted as `gres` (profiles/slurm_gres): Snakemake then
# knows of none, because its plugin would turn them into `--gpus`.
GRES = "CALM_GRES"


@dataclass(frozen=True)
class Machine:
    """What a job runs on.

    Attributes:
        device: ``"cpu"`` or ``"cuda"``.
        gpus: granted to the job; 0 on the CPU.
        threads: CPU threads.
        workers: decoding workers.
    """

    device: str = "cpu"
    gpus: int = 0
    threads: int = 2
    workers: int = 2


def add_machine(arguments: argparse.ArgumentParser) -> None:
    """Add ``--gpus``, ``--threads`` and ``--workers``."""
    arguments.add_argument("--gpus", type=int, default=0, help="GPUs granted to the job; 0 = CPU")
    arguments.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments.add_argument("--workers", type=int, default=2, help="decoding workers")


def machine_from(arguments: argparse.Namespace) -> Machine:
    """The machine of the arguments of :func:`add_machine`, set up by `use_machine`."""
    return use_machine(arguments.gpus, arguments.threads, arguments.workers)


def use_machine(gpus: int = 0, threads: int = 2, workers: int = 2) -> Machine:
    """Set the CPU threads of this process and take as many GPUs as granted.

    With GPUs, CUDA_VISIBLE_DEVICES names those of this job afterwards
    (`pipeline.runtime.devices`).

    Args:
        gpus: granted to the job; 0 for the CPU, or for what Slurm granted where `GRES` is set.
        threads: CPU threads.
        workers: decoding workers.

    Returns:
        What the job runs on.

    Raises:
        UserError: a GPU was granted but cannot be used; the reason is named, because training for
            weeks on the CPU instead would be worse.
    """
    import torch  # late: parsing the arguments of a stage that needs no PyTorch must not load it

    torch.set_num_threads(threads)
    if not gpus and os.environ.get(GRES):
        gpus = _granted()
    if not gpus:
        return Machine("cpu", gpus, threads, workers)
    # counted without starting CUDA, which reads CUDA_VISIBLE_DEVICES only once
    names = devices.visible(torch.cuda.device_count())
    if names and not is_started_rank():
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(devices.claim(gpus, names))
    if not torch.cuda.is_available():
        why = (
            "this PyTorch is a CPU build"
            if torch.version.cuda is None
            else f"PyTorch (CUDA {torch.version.cuda}) finds no usable GPU or driver"
        )
        raise UserError(
            f"the job was granted {gpus} GPU(s), but {why}. Install a PyTorch for this "
            "machine's driver, or run without a GPU (--resources gpu=0)."
        )
    return Machine("cuda", gpus, threads, workers)


def _granted() -> int:
    """The number of GPUs that Slurm granted.

    Raises:
        UserError: there are none, although the profile asks for some.
    """
    granted = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    if not granted:
        raise UserError(
            "Slurm granted this job no GPU (CUDA_VISIBLE_DEVICES is empty), although the profile "
            "asks for them as `gres`. Correct `gres` in the profile, or use profiles/slurm with "
            "--resources gpu=0."
        )
    return len(granted)


def is_started_rank() -> bool:
    """Whether this is a process of a training that its rank 0 or ``torchrun`` started.

    The GPUs of all its processes are then chosen already.
    """
    return "LOCAL_RANK" in os.environ
