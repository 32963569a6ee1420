"""The readers of the layouts of `pipeline.catalogue.layouts`."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.catalogue.layouts import LAYOUTS
from pipeline.datasets.selection import parse_classes
from pipeline.runtime.errors import UserError
from pipeline.settings import Records


class Reader(NamedTuple):
    """A layout's functions.

    Attributes:
        read: root, section, workers -> records, classes and summary.
        layout: what the root must hold, prose.
        names: root, section -> class id (1..K) -> name, without reading an image; None of a layout
            that cannot tell.
    """

    read: Callable[..., tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]]
    layout: str
    names: Callable[[str, Records], pd.Series] | None


def reader_of(layout: str) -> Reader:
    """The reader of a layout, by its name in the catalogue."""
    module = importlib.import_module(LAYOUTS[layout].code)
    return Reader(module.read, module.LAYOUT, getattr(module, "class_names", None))


def class_names(root: str, records: Records) -> list[str] | None:
    """The names of a data set's labels 0, 1, ..., before its records are made.

    Args:
        root: the folder of the data set.
        records: its layout and selected classes.

    Returns:
        None where they cannot be known so, or something is wrong, which the data's own check says.
    """
    names_of = reader_of(records.layout).names
    if names_of is None or not Path(root).is_dir():
        return None
    try:
        names = names_of(root, records)
        return [names[class_id] for class_id in parse_classes(records.classes, names)]
    except UserError:
        return None
