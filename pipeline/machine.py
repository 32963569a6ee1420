"""What a job was given to run on: GPUs, CPU threads, decoding workers.

None of it belongs to the config: it comes from the workflow's resources and threads, and changes
no result beyond rounding.
"""

import argparse

import torch

from pipeline.errors import UserError


def add_machine(arguments: argparse.ArgumentParser) -> None:
    """Add ``--gpus``, ``--threads`` and ``--workers``."""
    arguments.add_argument("--gpus", type=int, default=0, help="GPUs granted to the job; 0 = CPU")
    arguments.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments.add_argument("--workers", type=int, default=2, help="decoding workers")


def use_machine(given: argparse.Namespace) -> str:
    """Set the CPU threads and return the device, ``"cpu"`` or ``"cuda"``.

    Raises:
        UserError: a GPU was granted but cannot be used; the reason is named, because training for
            weeks on the CPU instead would be worse.
    """
    torch.set_num_threads(given.threads)
    if not given.gpus:
        return "cpu"
    if not torch.cuda.is_available():
        why = (
            "this PyTorch is a CPU build"
            if torch.version.cuda is None
            else f"PyTorch (CUDA {torch.version.cuda}) finds no usable GPU or driver"
        )
        raise UserError(
            f"the job was granted {given.gpus} GPU(s), but {why}. Install a PyTorch for this "
            "machine's driver, or run without a GPU (--resources gpu=0)."
        )
    return "cuda"
