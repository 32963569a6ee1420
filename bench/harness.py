"""Time two functions in turn, check that they agree, and say how their times compare."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Path:
    """One hot path.

    Attributes:
        name: what is done, with its size.
        ours: our way; called without arguments, its result is compared.
        plain: the obvious way.
        agree: (ours' result, plain's result) -> whether they agree.
        target: the ratio of times that is aimed at.
        units: work items a call, for the time of one.
        repeats: timed calls of ours; the plain way is called a fifth as often, at least twice.
    """

    name: str
    ours: Callable[[], Any]
    plain: Callable[[], Any]
    agree: Callable[[Any, Any], bool]
    target: float
    units: int = 1
    repeats: int = 10


@dataclass(frozen=True)
class Measured:
    """Median milliseconds of one item, and how many times as long a straightforward way takes."""

    name: str
    ours_ms: float
    plain_ms: float
    ratio: float
    target: float


def measure(path: Path) -> Measured:
    """Time both ways, interleaved, after a call of each that is checked and not timed.

    Raises:
        AssertionError: the two ways disagree.
    """
    assert path.agree(path.ours(), path.plain()), f"{path.name}: the two ways disagree"
    ours, plain = [], []
    every = max(1, path.repeats // max(2, path.repeats // 5))
    for repeat in range(path.repeats):
        ours.append(_seconds(path.ours))
        if repeat % every == 0:
            plain.append(_seconds(path.plain))
    scale = 1000 / path.units
    ours_ms, plain_ms = scale * float(np.median(ours)), scale * float(np.median(plain))
    return Measured(path.name, ours_ms, plain_ms, plain_ms / ours_ms, path.target)


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def close(tolerance: float) -> Callable[[Any, Any], bool]:
    """Agreement of arrays or numbers up to an absolute tolerance."""
    return lambda ours, plain: bool(np.allclose(ours, plain, rtol=0, atol=tolerance))
