"""Cue masks of an image: one part map and look-ups against a nearest-keypoint search per pair."""

from collections.abc import Iterator

import numpy as np

from bench.harness import Path
from pipeline.cues.class_pairs import POINTS
from pipeline.cues.part_maps import cue_mask, part_map, visible_parts

SIZE, PAIRS = (224, 224), 7  # an image of real CUB is in about seven pairs
PARTS = [(1,), (7,), (1, 3), (2, 5), (4, 6), (1, 2, 7), (3, 4, 5)]


def paths() -> Iterator[Path]:
    """An image in seven class pairs."""
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(0, 500, 15), rng.uniform(0, 375, 15), np.ones(15)])
    yield Path(
        "cue masks of an image, 7 pairs",
        lambda: _ours(points),
        lambda: _plain(points),
        lambda ours, plain: np.mean(np.array(ours) != np.array(plain)) == 0,
        20,
    )


def _ours(points: np.ndarray) -> list[np.ndarray]:
    labels, visible = part_map(points, (500, 375), SIZE), visible_parts(points)
    return [cue_mask(labels, parts, visible) for parts in PARTS]


def _plain(points: np.ndarray) -> list[np.ndarray]:
    """For every pair: the distance of every pixel to every keypoint, and the nearest one's part."""
    return [np.isin(nearest_part(points, (500, 375), SIZE), parts) for parts in PARTS]


def nearest_part(
    points: np.ndarray, image_size: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """The part of the nearest keypoint, written the obvious way: uint8 (height, width).

    Args:
        points: (15, 3) x, y and visibility, all visible.
        image_size: (width, height) that the points are in.
        size: (width, height) of the result.
    """
    rows, columns = np.mgrid[: size[1], : size[0]]
    best = np.full(rows.shape, np.inf)
    nearest = np.zeros(rows.shape, np.uint8)
    for part, members in POINTS:
        x, y = points[list(members), :2].mean(axis=0) * np.divide(size, image_size)
        distance = np.sqrt((columns - x) ** 2 + (rows - y) ** 2)
        closer = distance < best
        best[closer], nearest[closer] = distance[closer], part
    return nearest
