"""The registry of layouts: one line each, by the name that `records: {layout}` uses."""

from collections.abc import Callable
from typing import NamedTuple

from pipeline.datasets import cub, folder, wsol


class Reader(NamedTuple):
    """``read(root, section, workers)`` gives records, classes and summary; ``layout`` is prose."""

    read: Callable
    layout: str


READERS = {
    "cub": Reader(cub.read_cub, cub.LAYOUT),
    "wsol": Reader(wsol.read_wsol, wsol.LAYOUT),
    "folder": Reader(folder.read_folder, folder.LAYOUT),
}
