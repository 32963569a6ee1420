"""The part files behind a joined file of maps: noted when it is made, checked when it is opened.

A joined file's ``/maps`` is an HDF5 virtual data set over the ``/maps`` of its parts, which stay
where they are; all else is copied. HDF5 by itself reads zeros where a part is missing and looks
in the working directory for another, so that every part is checked here, by its SHA-256.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from pipeline.artefacts.files import sha256
from pipeline.artefacts.integrity import damaged, is_whole

_GROUP = "parts"


class Part(NamedTuple):
    """A part: its path relative to the joined file's folder, its maps and its content."""

    path: str
    rows: int
    sha256: str


def virtual_maps(
    parts: Sequence[Part], shape: tuple[int, int], dtype: np.dtype
) -> h5py.VirtualLayout:
    """The maps of the parts, one after another, as a layout for ``create_virtual_dataset``.

    Args:
        parts: in the order of their rows.
        shape: (h, w) of a map.
        dtype: of the stored numbers.
    """
    layout = h5py.VirtualLayout((sum(part.rows for part in parts), *shape), dtype)
    start = 0
    for part in parts:
        name = part.path.replace("%", "%%")  # HDF5 would read %b as a number
        source = h5py.VirtualSource(name, "maps", (part.rows, *shape))
        layout[start : start + part.rows] = source
        start += part.rows
    layout.dcpl.set_obj_track_times(False)  # equal content, equal bytes
    return layout


def write_parts(file: h5py.File, parts: Sequence[Part]) -> None:
    """Record the parts in a joined file."""
    group = file.create_group(_GROUP)
    for name in ("path", "sha256"):
        column = np.array([getattr(part, name).encode() for part in parts])
        dtype = h5py.string_dtype("utf-8", column.dtype.itemsize)
        group.create_dataset(name, data=column.astype(dtype), track_times=False)


def check_parts(path: Path, file: h5py.File) -> None:
    """Check that the parts of a joined file are those that were joined; any other file passes.

    Raises:
        UserError: a part is missing, was replaced or is damaged; the joined file is moved aside,
            and so is a damaged part.
    """
    if _GROUP not in file:
        return
    group = file[_GROUP]
    for name, expected in zip(group["path"].asstr()[:], group["sha256"].asstr()[:], strict=True):
        part = path.parent / name
        if not part.is_file():
            raise damaged(path, f"{part}, a part of it, is missing")
        if sha256(part) == expected:
            continue
        if is_whole(part):
            raise damaged(path, f"{part}, a part of it, was replaced")
        raise damaged(path, f"a part of it is damaged; {damaged(part, 'its SHA-256 is another')}")
