"""Attribution maps made elsewhere: an HDF5 file or a folder of .npy files, checked on entry.

docs/own_maps.md says how they are laid out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd

from pipeline.artefacts.foreign_hdf5 import DAMAGE, LARGEST_ROW, check_own_data, is_number
from pipeline.artefacts.targets import class_target
from pipeline.attribution.plan import Plan, make_plan
from pipeline.runtime.errors import UserError

_FLOAT32 = float(np.finfo(np.float32).max)
_SHOWN = 3  # examples of each problem in the message

Row = tuple[str, str]  # image id, target


class Checked(NamedTuple):
    """What a check found.

    Attributes:
        shape: (h, w) of a map.
        constant: the maps whose values are all the same, by name: they rank no pixel.
        divisor: a power of two by which all maps are divided, so that they fit 32 bits; mostly 1.
    """

    shape: tuple[int, int]
    constant: list[str]
    divisor: float


class GivenMaps(NamedTuple):
    """Maps as they were given, not yet read.

    Attributes:
        path: the file or folder.
        rows: each map and its number.
        read: number -> the array.
        problems: what is wrong with the names of the maps: sentence -> examples.
    """

    path: Path
    rows: Mapping[Row, int]
    read: Callable[[int], np.ndarray]
    problems: Mapping[str, list[str]]


@contextmanager
def open_maps(path: Path, labels: Mapping[str, int]) -> Iterator[GivenMaps]:
    """The maps at ``path``.

    Args:
        path: HDF5 file, or folder.
        labels: image id -> label of the split's images.

    Yields:
        GivenMaps, which can be read while the block lasts.

    Raises:
        UserError: there is nothing, or no such file or folder.
    """
    if path.is_dir():
        yield _of_folder(path, labels)
    elif path.is_file():
        try:
            file = h5py.File(path, "r", locking=False)
        except OSError as error:
            raise UserError(f"{path} is not an HDF5 file ({error}).") from error
        with file:
            yield _of_file(path, file, labels)
    else:
        raise UserError(f"{path} does not exist. Correct `path` under `own_maps` in the config.")


def check_maps(given: GivenMaps, plan: Plan, labels: Mapping[str, int]) -> Checked:
    """Check that the maps are those of a plan, each a matrix of finite numbers of one shape.

    Args:
        given: the maps.
        plan: which maps the evaluations need.
        labels: image id -> label.

    Raises:
        UserError: they are not; one message with every problem, its count and some examples.
    """
    missing = [row for row in plan.rows() if row not in given.rows]
    own = {(image, class_target(label)) for image, label in labels.items()}
    rows = [row for row in plan.rows() if row in given.rows]
    wrong, constant, largest = _wrong_arrays(given, rows, 1.0)
    divisor = 1.0
    if largest > _FLOAT32:
        divisor = float(2.0 ** (np.frexp(largest)[1] - np.frexp(_FLOAT32)[1] + 1))
        wrong, constant, _ = _wrong_arrays(given, rows, divisor)
    problems = {
        "have no map of their own class": [row[0] for row in missing if row in own],
        "lack the map of a pair's other class": [_name(row) for row in missing if row not in own],
        **given.problems,
        **wrong,
    }
    found = [_problem(what, names) for what, names in problems.items() if names]
    if found:
        raise UserError(
            f"The maps of {given.path} cannot be measured (docs/own_maps.md):\n  "
            + "\n  ".join(found)
        )
    return Checked(read_map(given, plan.rows()[0], divisor).shape, constant, divisor)


def diagnose_maps(path: Path, images: pd.DataFrame | None) -> str:
    """Check maps before a run: those of each image's own class, since pairs are not known yet.

    Args:
        path: HDF5 file, or folder.
        images: rows with ``image_id`` and ``label`` of the test split; None: not known.

    Returns:
        What was found, in words.

    Raises:
        UserError: as of :func:`open_maps` and :func:`check_maps`.
    """
    labels = {} if images is None else images.set_index("image_id")["label"].to_dict()
    with open_maps(path, labels) as given:
        if images is None:
            return "found; compared with the images when these are read"
        (height, width), constant, divisor = check_maps(given, make_plan(images, "class"), labels)
        words = f"found: {len(given.rows)} maps of {height} x {width}"
        words += f", divided by {divisor:g} to fit 32 bits" if divisor > 1 else ""
        return words + (f", {len(constant)} constant: {few(constant)}" if constant else "")


def few(names: Sequence[str]) -> str:
    """Some of the names, and dots for the others."""
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def read_map(given: GivenMaps, row: Row, divisor: float = 1.0) -> np.ndarray:
    """One map, divided: (h, w) float32; values that are still too large for it are infinite."""
    values = given.read(given.rows[row])
    with np.errstate(over="ignore"):
        return (values if divisor == 1 else values / divisor).astype(np.float32)


def _wrong_arrays(
    given: GivenMaps, rows: Iterable[Row], divisor: float
) -> tuple[dict[str, list[str]], list[str], float]:
    """The maps that are not finite matrices of the first one's shape; the constant maps.

    Returns:
        The former by what is wrong, the latter, and the largest absolute value of maps that are
        finite but do not fit 32 bits, else 0.
    """
    first, largest = None, 0.0
    unreadable, matrix, shape, constant = [], [], [], []
    finite: list[str] = []
    for row in rows:
        try:
            values = read_map(given, row, divisor)
        except (*DAMAGE, EOFError) as error:
            unreadable.append(f"{_name(row)}: {error}")
            continue
        if values.ndim != 2 or not values.size:
            matrix.append(f"{_name(row)} {values.shape}")
            continue
        first = values.shape if first is None else first
        if values.shape != first:
            shape.append(f"{_name(row)} {values.shape}")
        if not np.isfinite(values).all():
            whole = given.read(given.rows[row])
            if np.isfinite(whole).all():
                largest = max(largest, float(np.abs(whole).max()))
            else:
                finite.append(_name(row))
        elif values.min() == values.max():
            constant.append(_name(row))
    wrong = {
        "cannot be read as numbers": unreadable,
        "are not two-dimensional": matrix,
        f"have another shape than the first, {first}": shape,
        "are not finite (NaN or infinite)": finite,
    }
    return wrong, constant, largest


def _of_file(path: Path, file: h5py.File, labels: Mapping[str, int]) -> GivenMaps:
    check_own_data(path, file, ("maps", "image_id", "target"))
    try:
        maps, images = file["maps"], file["image_id"].asstr()[:].tolist()
        if not is_number(maps):
            raise TypeError(f"`maps` holds {maps.dtype}, not plain integers or floats")
        if "target" in file:
            column = file["target"]
            is_text = h5py.check_string_dtype(column.dtype)
            if not is_text and not (is_number(column) and column.dtype.kind in "iu"):
                raise TypeError(f"`target` holds {column.dtype}, not whole numbers")
            texts = column.asstr()[:] if is_text else column[:]
            classes: list[int | None] = [int(text) for text in texts]
        else:
            classes = [labels.get(image) for image in images]
    except DAMAGE as error:
        raise UserError(
            f"{path} does not hold `maps` (N, h, w), `image_id` (N,) as text and, optionally, "
            f"`target` (N,) as class labels ({error}). See docs/own_maps.md."
        ) from error
    if maps.ndim != 3 or not len(maps) == len(images) == len(classes):
        raise UserError(
            f"{path}: `maps` has the shape {maps.shape}, `image_id` {len(images)} rows and "
            f"`target` {len(classes)}. Write (N, h, w) and N rows."
        )
    return _given(path, zip(images, classes, strict=True), labels, maps.__getitem__)


def _of_folder(path: Path, labels: Mapping[str, int]) -> GivenMaps:
    files = sorted(path.rglob("*.npy"))
    if not files:
        raise UserError(f"{path} has no .npy files. See docs/own_maps.md.")
    without_suffix: dict[str, list[str]] = {}
    for image in labels:
        without_suffix.setdefault(str(PurePosixPath(image).with_suffix("")), []).append(image)

    def image_of(name: str) -> str | None:
        candidates = [name] if name in labels else without_suffix.get(name, ())
        return candidates[0] if len(candidates) == 1 else None

    named = []
    for file in files:
        name = file.relative_to(path).as_posix().removesuffix(".npy")
        label: int | None = None
        found = image_of(name)
        if found is None:  # else an @ would be part of the image's name
            before, _, after = name.rpartition("@")
            if after.isdecimal():
                found, label = image_of(before), int(after)
        named.append((found or name, labels.get(found or name) if label is None else label))
    return _given(path, named, labels, lambda number: _of_npy(files[number]))


def _of_npy(path: Path) -> np.ndarray:
    """The array of a .npy file; ValueError where it holds no real numbers, or fewer than it says.

    It is mapped into memory, so that a declared size is compared with the file's before anything
    is allocated.
    """
    if not path.is_file():
        raise ValueError("it is no regular file")
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # of a broken header NumPy raises many kinds
        raise ValueError(f"it is no .npy file, or damaged: {error}") from error
    if array.dtype.kind not in "iufb":
        raise ValueError(f"it holds {array.dtype}, not integers or floats")
    if array.size > LARGEST_ROW:
        raise ValueError(f"it has the shape {array.shape}: at most {LARGEST_ROW} numbers are read")
    return array


def _given(
    path: Path,
    named: Iterable[tuple[str, int | None]],
    labels: Mapping[str, int],
    read: Callable[[int], np.ndarray],
) -> GivenMaps:
    """The maps of (image id, class label) in their order."""
    rows: dict[Row, int] = {}
    unknown, twice = [], []
    for number, (image, label) in enumerate(named):
        if image not in labels or label is None:
            unknown.append(image)
        elif (row := (image, class_target(label))) in rows:
            twice.append(_name(row))
        else:
            rows[row] = number
    problems = {
        "name no image of the split, or, without a suffix, several": unknown,
        "are given twice": twice,
    }
    return GivenMaps(path, rows, read, problems)


def _name(row: Row) -> str:
    return f"{row[0]} (class {row[1]})"


def _problem(what: str, names: list[str]) -> str:
    return f"{len(names)} {what}: {few(names)}"
