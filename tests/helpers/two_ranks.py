"""`python -m pipeline.training` whose GPUs are CPU processes; it writes down what each reads.

``READ`` names the folder of that. With ``CUT=1`` rank 0 kills itself after its first checkpoint;
with ``STOP=n`` rank n stops after its first epoch, as at SIGSTOP.
"""

import itertools
import json
import os
import signal
from pathlib import Path

import pytest

from pipeline.images.loading import Loader
from pipeline.runtime import cli, machine
from pipeline.training import checkpoints
from pipeline.training import loop as training_loop
from pipeline.training.__main__ import run


def record(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Write the image ids of every pass over a split and the losses of every epoch's batches.

    ``pass{n}.rank{r}.json`` (training and validation in turn), ``losses{epoch}.rank{r}.json``.
    """
    read, check, numbers = Loader.__iter__, training_loop._check_finite, itertools.count()
    folder.mkdir(parents=True, exist_ok=True)

    def write(name, value):
        rank = os.environ.get("LOCAL_RANK", 0)
        (folder / f"{name}.rank{rank}.json").write_text(json.dumps(value))

    def recorded(loader):
        batches = list(read(loader))
        write(f"pass{next(numbers)}", [batch.image_ids for batch in batches])
        yield from batches

    def checked(losses, epoch):
        write(f"losses{epoch}", losses.tolist())
        check(losses, epoch)
        if os.environ.get("STOP") == os.environ.get("LOCAL_RANK", "0"):
            (folder / "stopped").write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGSTOP)

    patch.setattr(Loader, "__iter__", recorded)
    patch.setattr(training_loop, "_check_finite", checked)


def save_and_die(folder, state, save=checkpoints.save):
    save(folder, state)
    os.kill(os.getpid(), signal.SIGKILL)


def on_cpu(gpus, threads, workers):
    return machine.Machine("cpu", gpus, threads, workers)


if __name__ == "__main__":
    patch = pytest.MonkeyPatch()
    patch.setattr(machine, "use_machine", on_cpu)
    record(patch, Path(os.environ["READ"]))
    if os.environ.get("CUT"):
        patch.setattr(checkpoints, "save", save_and_die)
    cli.main(run)
