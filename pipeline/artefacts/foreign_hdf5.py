"""HDF5 files from elsewhere: only numbers that the file itself holds, and all of them.

HDF5 gives zeros for what was never written and for the missing sources of a virtual data set, and
it follows links and external storage into any file that its reader may open. None of that can be
seen in the numbers, so that it is refused before they are read.
"""

from collections.abc import Iterable
from math import ceil, prod
from pathlib import Path

import h5py
from h5py import h5d, h5t

from pipeline.runtime.errors import UserError

# What h5py raises where a file is damaged
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError)
LARGEST_ROW = 2**24  # numbers of one row of a data set: a map of 4096 x 4096


def check_own_data(path: Path, file: h5py.File, names: Iterable[str]) -> None:
    """Check that data sets hold all of their data themselves; names that are not there pass.

    Args:
        path: of the file, for the messages.
        file: open.
        names: of the data sets at its top.

    Raises:
        UserError: one is a link or no data set, its data are in other files or were never written,
            or a row is so large that it would fill the memory.
    """
    for name in names:
        try:
            # asked of the link: to follow it would open what it leads to
            link = file.get(name, getlink=True)
            fault = _fault(file, name, link) if link is not None else ""
        except DAMAGE as error:
            fault = f"cannot be read ({error}): the file is damaged, write it again"
        if fault:
            raise UserError(f"{path}: `{name}` {fault}. See docs/own_maps.md.")


def is_number(dataset: h5py.Dataset) -> bool:
    """Whether the values are integers, floats or truth values as NumPy has them.

    Complex numbers, records, references, bit fields and numbers of unusual widths are none: NumPy
    would drop a part of them, or read other values.
    """
    if dataset.dtype.kind not in "iufb":
        return False
    return h5t.py_create(dataset.dtype, logical=True).equal(dataset.id.get_type())


def _fault(file: h5py.File, name: str, link: object) -> str:
    """What is wrong with a data set, as the end of a sentence; or ""."""
    if not isinstance(link, h5py.HardLink):
        return "is a link to data elsewhere: copy the data set itself into the file"
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        return "is a group, not a data set"
    if dataset.is_virtual:
        return "is a virtual data set over other files: copy its data into one data set"
    if dataset.external:
        return f"keeps its data in {dataset.external[0][0]!r}: copy them into the file"
    if prod(dataset.shape[1:]) > LARGEST_ROW:
        return f"has the shape {dataset.shape}: a row of at most {LARGEST_ROW} numbers is read"
    if unwritten := _unwritten(dataset):
        return f"has data that were never written ({unwritten}): write them all"
    return ""


def _unwritten(dataset: h5py.Dataset) -> str:
    """How much of a data set is missing, in words; or ""."""
    if not dataset.size:
        return ""
    if dataset.chunks:
        there = dataset.id.get_num_chunks()
        sides = zip(dataset.shape, dataset.chunks, strict=True)
        wanted = prod(ceil(length / chunk) for length, chunk in sides)
        return f"{wanted - there} of {wanted} chunks" if there < wanted else ""
    layout = dataset.id.get_create_plist().get_layout()
    if layout == h5d.CONTIGUOUS and dataset.id.get_offset() is None:
        return "all of them"
    return ""
