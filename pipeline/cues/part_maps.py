"""Part maps: the nearest visible part of every pixel, and the cue masks that are read off them.

`pipeline.cues.drawing` draws them for a data set. Source: section 5.2 of the paper.
"""

from collections.abc import Iterable

import numpy as np
from PIL import Image

from pipeline.artefacts.part_maps import PARTS, part_table
from pipeline.cues.class_pairs import POINTS
from pipeline.runtime.compiled import compiled


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
    the keypoint scaled by ``size / image_size``. Of points at equal distance the first in the order
    of `pipeline.cues.class_pairs.POINTS` wins: the lowest part id.

    Args:
        keypoints: (15, 3) x, y in image pixels and visible (> 0), rows as in parts/parts.txt.
        image_size: (width, height) of the image, pixels.
        size: (width, height) of the map, pixels.
        foreground: (h, w) bool or uint8 (> 0 is bird) at the image's size, then resized to the
            nearest pixel, or at the map's; None: everywhere.
        truncate: round scaled points down to whole pixels, after the head is averaged (the released
            code).

    Returns:
        uint8 (height, width): part ids 1..7, and 0 in the background; all 0 if no keypoint is
        visible.

    Raises:
        ValueError: keypoints or foreground have another shape.
    """
    keypoints = _checked(keypoints)
    width, height = size
    # in this order of operations truncation rounds as in the released code
    scaled = keypoints[:, :2] / np.array(image_size) * np.array(size)  # (15, 2)
    shown = [[index for index in members if keypoints[index, 2] > 0] for _, members in POINTS]
    seen = [(part, of) for (part, _), of in zip(POINTS, shown, strict=True) if of]
    centres = np.array([scaled[of].mean(axis=0) for _, of in seen]).reshape(-1, 2)
    if truncate:
        centres = np.trunc(centres)
    squares = (np.arange(width) - centres[:, :1]) ** 2, (np.arange(height) - centres[:, 1:]) ** 2
    parts = _nearest(*squares, np.array([part for part, _ in seen], np.uint8))
    if foreground is not None:
        parts *= _fit(foreground, image_size, size)
    return parts


@compiled
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
