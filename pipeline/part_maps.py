"""Part maps: the nearest visible part of every pixel, and the cue masks that are read off them.

The stage that draws them for a data set is `pipeline.cues`. Source: section 5.2 of the paper.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numba import njit
from PIL import Image

from pipeline import hdf5
from pipeline.coco_masks import is_mask_name, read_mask
from pipeline.cue_parts import PARTS, POINTS
from pipeline.errors import UserError
from pipeline.geometry import stored_part


@dataclass(frozen=True)
class PartMaps:
    """The label maps of N test images.

    Attributes:
        image_ids: N names.
        labels: (N, S, S) uint8, part ids 1..7 and 0 for the background, estimated.
        visible: (N, 7) bool, which parts have a visible keypoint.
        truth: (N, S, S) uint8, the true parts, where the data set knows them.
        foreground: how many images have which kind of foreground.
    """

    image_ids: list[str]
    labels: "np.ndarray | StoredMaps"
    visible: np.ndarray
    truth: "np.ndarray | StoredMaps | None"
    foreground: dict[str, int]

    def save(self, path: str | Path) -> None:
        """Write HDF5: /image_id, /part_maps, /visible, /true_parts; equal maps, equal bytes."""
        with hdf5.create(path) as file:
            file["image_id"] = np.array(self.image_ids, dtype=h5py.string_dtype())
            file["visible"] = self.visible
            file.attrs["foreground"] = json.dumps(self.foreground, sort_keys=True)
            for name, maps in (("part_maps", self.labels), ("true_parts", self.truth)):
                if maps is not None:
                    chunks = (1, *maps.shape[1:])
                    file.create_dataset(name, data=maps, chunks=chunks, compression="gzip")

    @classmethod
    def load(cls, path: str | Path) -> "PartMaps":
        """Read what :meth:`save` wrote; UserError if the file is missing or broken."""
        with cls.open(path) as maps:
            truth = None if maps.truth is None else maps.truth[:]
            return replace(maps, labels=maps.labels[:], truth=truth)

    @classmethod
    @contextmanager
    def open(cls, path: str | Path) -> Iterator["PartMaps"]:
        """What :meth:`save` wrote, its label maps read from the file whenever they are indexed.

        Of a large split they do not fit into memory. An index is a row, a slice or ascending rows.

        Raises:
            UserError: the file is missing or broken, also where that shows when it is indexed.
        """
        with ExitStack() as stack:
            try:
                file = stack.enter_context(hdf5.open_checked(path))
                maps = cls(
                    image_ids=list(file["image_id"].asstr()),
                    labels=StoredMaps(path, file["part_maps"]),
                    visible=file["visible"][:],
                    truth=StoredMaps(path, file["true_parts"]) if "true_parts" in file else None,
                    foreground=json.loads(file.attrs["foreground"]),
                )
            except (OSError, KeyError) as error:
                raise _unreadable(path, error) from error
            yield maps


class StoredMaps:
    """Label maps (N, S, S) uint8 in an open file, damage told as a UserError."""

    def __init__(self, path: str | Path, dataset: h5py.Dataset) -> None:
        self._path = path
        self._dataset = dataset
        self.shape: tuple[int, ...] = dataset.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, index: Any) -> np.ndarray:
        try:
            return self._dataset[index]
        except OSError as error:
            raise _unreadable(self._path, error) from error


def _unreadable(path: str | Path, error: Exception) -> UserError:
    return UserError(f"Cannot read the part maps {path} ({error}). Run the cues stage again.")


def visible_parts(keypoints: np.ndarray) -> np.ndarray:
    """Which parts have a visible keypoint: (15, 3) x, y, visible -> (7,) bool, for parts 1..7."""
    shown = _checked(keypoints)[:, 2] > 0
    found = np.zeros(len(PARTS), dtype=bool)
    for part, members in POINTS:
        found[part - 1] |= shown[list(members)].any()
    return found


def part_map(
    keypoints: np.ndarray,
    image_size: tuple[int, int],
    size: tuple[int, int] = (224, 224),
    foreground: np.ndarray | None = None,
    *,
    truncate: bool = False,
) -> np.ndarray:
    """The nearest visible part of every pixel (section 5.2).

    The visible head keypoints are averaged into one point, after scaling; legs and wings keep
    their left and right points. Distances are Euclidean, from the pixel's index (column, row) to
    the keypoint scaled by ``size / image_size``. Of points at equal distance the first in the
    order of `pipeline.cue_parts.POINTS` wins: the lowest part id.

    Args:
        keypoints: (15, 3) x, y in image pixels and visible (> 0), rows as in parts/parts.txt.
        image_size: (width, height) of the image, pixels.
        size: (width, height) of the map, pixels.
        foreground: (h, w) bool or uint8 (> 0 is bird) at the image's size, then resized to the
            nearest pixel, or at the map's; None: everywhere.
        truncate: round scaled keypoints down to whole pixels, before the head is averaged (the
            released code).

    Returns:
        uint8 (height, width): part ids 1..7, and 0 in the background; all 0 if no keypoint is
        visible.

    Raises:
        ValueError: keypoints or foreground have another shape.
    """
    keypoints = _checked(keypoints)
    width, height = size
    scaled = keypoints[:, :2] * (np.array(size) / np.array(image_size))  # (15, 2)
    if truncate:
        scaled = np.trunc(scaled)
    shown = [[index for index in members if keypoints[index, 2] > 0] for _, members in POINTS]
    seen = [(part, of) for (part, _), of in zip(POINTS, shown, strict=True) if of]
    centres = np.array([scaled[of].mean(axis=0) for _, of in seen]).reshape(-1, 2)
    squares = (np.arange(width) - centres[:, :1]) ** 2, (np.arange(height) - centres[:, 1:]) ** 2
    parts = _nearest(*squares, np.array([part for part, _ in seen], np.uint8))
    if foreground is not None:
        parts *= _fit(foreground, image_size, size)
    return parts


@njit(cache=True)
def _nearest(across: np.ndarray, down: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The id of the nearest of K points, the first of equals: squared distances along x (K, W) and
    along y (K, H) -> (H, W) uint8; 0 where K is 0.
    """
    width, height = across.shape[1], down.shape[1]
    parts = np.zeros((height, width), np.uint8)
    nearest = np.empty(width)
    for y in range(height):
        nearest[:] = np.inf
        for point in range(len(ids)):
            for x in range(width):
                distance = down[point, y] + across[point, x]
                if distance < nearest[x]:
                    nearest[x], parts[y, x] = distance, ids[point]
    return parts


def cue_mask(
    part_map: np.ndarray, parts: Iterable[int], visible_parts: Iterable[int] | np.ndarray
) -> np.ndarray | None:
    """The pixels of the parts in which two classes differ (section 5.2).

    Args:
        part_map: uint8 (H, W), from :func:`part_map`.
        parts: ids of the differing parts.
        visible_parts: ids of the image's visible parts, or (7,) bool as :func:`visible_parts`
            gives it.

    Returns:
        bool (H, W), or None where none of ``parts`` is visible.
    """
    if isinstance(visible_parts, np.ndarray) and visible_parts.dtype == bool:
        visible_parts = np.flatnonzero(visible_parts) + 1
    parts = {int(part) for part in parts}
    if parts.isdisjoint(int(part) for part in visible_parts):
        return None
    return part_table(parts).take(part_map)


def part_table(parts: Iterable[int]) -> np.ndarray:
    """A (256,) bool table that is True at the part ids ``parts``: index it with a label map."""
    table = np.zeros(256, dtype=bool)
    table[list(parts)] = True
    return table


def box_foreground(
    boxes: Sequence[float] | np.ndarray, image_size: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """The pixels of the map whose centres lie in one of the boxes.

    Args:
        boxes: 4K numbers x0, y0, x1, y1, image pixels.
        image_size, size: (width, height) of the image and of the map, pixels.

    Returns:
        bool (height, width).
    """
    columns = (np.arange(size[0]) + 0.5) * image_size[0] / size[0]
    rows = (np.arange(size[1]) + 0.5) * image_size[1] / size[1]
    inside = np.zeros(size[::-1], dtype=bool)
    for x0, y0, x1, y1 in np.reshape(np.asarray(boxes, dtype=float), (-1, 4)):
        across, down = (columns >= x0) & (columns < x1), (rows >= y0) & (rows < y1)
        inside |= down[:, None] & across[None, :]
    return inside


def read_label_map(
    path: str | Path, size: tuple[int, int] | None = None, resize: str = "square"
) -> np.ndarray:
    """An image of labels or of a mask as uint8 (H, W).

    Args:
        path: of the image, or the name of a COCO file's mask (`pipeline.coco_masks`).
        size: (width, height) to resize it to, by nearest pixel; None: as it is.
        resize: which part of it, see :func:`pipeline.geometry.stored_part`.

    Raises:
        UserError: the file is missing or no image.
    """
    try:
        with _open(path) as opened:
            image = opened if opened.mode in ("L", "P", "1") else opened.convert("L")
            if size is not None and image.size != size:
                part = stored_part(image.size, resize)
                image = image.resize(size, Image.Resampling.NEAREST, box=part.box)
            return np.asarray(image, dtype=np.uint8)
    except OSError as error:
        raise UserError(f"Cannot read the mask {path}: {error}. Copy it again.") from error


def _open(path: str | Path) -> Image.Image:
    if is_mask_name(path):
        return Image.fromarray(read_mask(str(path)))
    return Image.open(path)


def _checked(keypoints: np.ndarray) -> np.ndarray:
    keypoints = np.asarray(keypoints, dtype=np.float64)
    if keypoints.shape != (15, 3):
        raise ValueError(f"keypoints: expected shape (15, 3), got {keypoints.shape}")
    return keypoints


def _fit(foreground: np.ndarray, image_size: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Foreground as bool (height, width) of the map."""
    inside = np.asarray(foreground) > 0
    if inside.shape == size[::-1]:
        return inside
    if inside.shape != image_size[::-1]:
        raise ValueError(
            f"foreground {inside.shape}: expected (height, width) of the image, "
            f"{image_size[::-1]}, or of the map, {size[::-1]}"
        )
    image = Image.fromarray(inside.astype(np.uint8))
    return np.asarray(image.resize(size, Image.Resampling.NEAREST)) > 0
