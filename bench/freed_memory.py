"""A training step on photographs, in a process that keeps its freed memory and one that does not.

The step is that of `bench.depthwise` with the batch of `config/cub.yaml`. Each way has a process of
its own, since glibc cannot be brought back to what it does by itself.
"""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np
import torch

from bench.depthwise import training_step
from bench.harness import Path
from pipeline.runtime.memory import keep_freed_memory

BATCH = 32


def paths() -> Iterator[Path]:
    """One training step; its gradients are the same to the last bit."""
    kept, given_back = _Process(keep=True), _Process(keep=False)
    yield Path(
        "the same in batches of 32, freed memory kept",
        kept.step,
        given_back.step,
        lambda ours, plain: bool((ours == plain).all()),
        1.1,
        units=BATCH,
        repeats=5,
    )
    kept.end()
    given_back.end()


class _Process:
    """A process that takes a step whenever it is asked to."""

    def __init__(self, keep: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(there, keep, torch.get_num_threads()), daemon=True
        )
        self._process.start()

    def step(self) -> np.ndarray:
        """The gradients."""
        self._here.send(True)
        return self._here.recv()

    def end(self) -> None:
        self._here.send(False)
        self._process.join()


def _serve(asked: Connection, keep: bool, threads: int) -> None:
    torch.set_num_threads(threads)
    if keep:
        keep_freed_memory()
    step = training_step(BATCH)
    while asked.recv():
        asked.send(step().numpy())
