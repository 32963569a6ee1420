"""Where people looked in one image, on its stored pixels, within the image and the object's box."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from pipeline.evaluation.gaze.measures import Fixated
from pipeline.images.geometry import Cut, stored_part
from pipeline.images.label_maps import box_foreground

_PRIOR = 1 / 4  # standard deviation of the prior, relative to the region's sides
_REACH = 4  # standard deviations after which the blur of fixations ends


class Region(NamedTuple):
    """A part of the stored image.

    Attributes:
        inside: bool (S, S), P pixels.
        prior: (P,) density: a Gaussian around the region's middle, a quarter of its sides wide.
    """

    inside: np.ndarray
    prior: np.ndarray


class Viewing(NamedTuple):
    """One person's fixations on the stored image: rows, columns and weights, (F,) each."""

    rows: np.ndarray
    columns: np.ndarray
    weights: np.ndarray

    def within(self, region: Region, sigma: float) -> Fixated | None:
        """The fixations within a region; None where there are none.

        Args:
            region: of the image.
            sigma: of the density's Gaussian, pixels; what it spreads beyond the region is dropped.
        """
        kept = region.inside[self.rows, self.columns]
        if not kept.any():
            return None
        rows, columns, weights = (each[kept] for each in self)
        weights = weights / weights.sum()
        index = np.cumsum(region.inside).reshape(region.inside.shape) - 1
        spread = _spread(len(region.inside), sigma)
        blurred = (spread[:, rows] * weights) @ spread[columns]  # (S, F) @ (F, S)
        density = blurred[region.inside]
        return Fixated(index[rows, columns], weights, density / density.sum())


@cache
def _spread(size: int, sigma: float) -> np.ndarray:
    """Each pixel of a line blurred, (S, S): few fixations are blurred faster than a whole image."""
    return gaussian_filter1d(np.eye(size), sigma, mode="constant", truncate=_REACH)


def regions(record: Any, size: int, resize: str) -> dict[str, Region]:
    """``image``, and ``box`` where the record has boxes: the pixels whose centres lie in any.

    Args:
        record: a row of the records.
        size: side S of the stored image, pixels.
        resize: ``images.resize`` of the shards.
    """
    found = {"image": _region(np.ones((size, size), bool), np.array([[0.0, 0.0, size, size]]))}
    boxes = stored_part((record.width, record.height), resize).stored_boxes(record.boxes, size)
    inside = box_foreground(boxes.ravel(), (size, size), (size, size))
    return {"box": _region(inside, boxes)} | found if inside.any() else found


def _region(inside: np.ndarray, boxes: np.ndarray) -> Region:
    """The region and its prior, around the middle of what its boxes (K, 4) span."""
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    rows, columns = np.nonzero(inside)
    places = np.stack([columns, rows], axis=1) + 0.5
    deviations = (places - (low + high) / 2) / (_PRIOR * (high - low))
    prior = np.exp(-(deviations**2).sum(axis=1) / 2)
    return Region(inside, prior / prior.sum())


def viewings(
    fixations: pd.DataFrame, record: Any, size: int, resize: str, weights: str
) -> list[Viewing]:
    """The fixations of each person who looked at an image, those that lie on its stored part.

    Args:
        fixations: of the image, columns of `pipeline.artefacts.fixations.SCHEMA`.
        record: a row of the records.
        size: side of the stored image, pixels.
        resize: ``images.resize`` of the shards.
        weights: ``"count"`` or ``"duration"``.
    """
    part = stored_part((record.width, record.height), resize)
    found = [
        _viewing(rows, part, size, weights) for _, rows in fixations.groupby("viewer", sort=True)
    ]
    return [viewing for viewing in found if len(viewing.weights)]


def _viewing(fixations: pd.DataFrame, part: Cut, size: int, weights: str) -> Viewing:
    places = fixations[["x", "y"]].to_numpy(float)
    shown = part.keypoints(np.column_stack([places, np.ones(len(places))]))
    kept = shown[:, 2] > 0
    columns, rows = (shown[kept, :2] * size / np.array(part.size)).astype(int).clip(0, size - 1).T
    of_each = fixations["duration"].to_numpy(float)[kept]
    return Viewing(rows, columns, of_each if weights == "duration" else np.ones(len(rows)))


def together(viewers: Sequence[Viewing]) -> Viewing | None:
    """The fixations of several people, each with the same weight in all; None of nobody."""
    if not viewers:
        return None
    weights = [each.weights / each.weights.sum() for each in viewers]
    rows, columns = (
        np.concatenate([getattr(each, name) for each in viewers]) for name in ("rows", "columns")
    )
    return Viewing(rows, columns, np.concatenate(weights))
