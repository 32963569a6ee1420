"""Flags of a network's modules, changed for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def switched(network: nn.Module, name: str, *, to: bool) -> Iterator[None]:
    """While it lasts, the flag ``name`` of all modules that have it is ``to``."""
    others = [each for each in network.modules() if getattr(each, name, None) is (not to)]
    for module in others:
        setattr(module, name, to)
    try:
        yield
    finally:
        for module in others:
            setattr(module, name, not to)
