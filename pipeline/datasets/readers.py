"""The readers of the layouts of `pipeline.catalogue.layouts`."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from pipeline.catalogue.layouts import LAYOUTS


class Reader(NamedTuple):
    """``read(root, section, workers)`` gives records, classes and summary; ``layout`` is prose."""

    read: Callable[..., tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]]
    layout: str


def reader_of(layout: str) -> Reader:
    """The reader of a layout, by its name in the catalogue."""
    module = importlib.import_module(LAYOUTS[layout].code)
    return Reader(module.read, module.LAYOUT)
