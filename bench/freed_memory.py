"""CALM's maps of a thousand classes, in a process that keeps freed memory and in one that does not.

Each way has a process of its own, since glibc cannot be brought back to what it does by itself.
"""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np
import torch

from bench.harness import Path
from pipeline.models.classifier import build_classifier
from pipeline.runtime.memory import keep_freed_memory
from pipeline.settings import Training, TrainJob

BATCH, CLASSES, SIDE = 64, 1000, 224


def paths() -> Iterator[Path]:
    """One batch through SqueezeNet, 27x27 maps; the probabilities are the same to the last bit."""
    kept, given_back = _Process(keep=True), _Process(keep=False)
    yield Path(
        "maps of 1000 classes, freed memory kept, an image",
        kept.probabilities,
        given_back.probabilities,
        lambda ours, plain: bool((ours == plain).all()),
        1.1,
        units=BATCH,
        repeats=6,
    )
    kept.end()
    given_back.end()


class _Process:
    """A process that computes maps whenever it is asked to."""

    def __init__(self, keep: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(there, keep, torch.get_num_threads()), daemon=True
        )
        self._process.start()

    def probabilities(self) -> np.ndarray:
        """(BATCH, CLASSES) log p(y given x), to which the maps add up."""
        self._here.send(True)
        return self._here.recv()

    def end(self) -> None:
        self._here.send(False)
        self._process.join()


@torch.inference_mode()
def _serve(asked: Connection, keep: bool, threads: int) -> None:
    torch.set_num_threads(threads)
    if keep:
        keep_freed_memory()
    torch.manual_seed(0)
    job = TrainJob(
        trunk="squeezenet1_0", weights="none", seed=0, training=Training(method="calm_em")
    )
    model = build_classifier(job, CLASSES).eval().to(memory_format=torch.channels_last)
    images = torch.randn(BATCH, 3, SIDE, SIDE).to(memory_format=torch.channels_last)
    while asked.recv():
        asked.send(model.log_probs(images).numpy())
