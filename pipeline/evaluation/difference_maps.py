"""The maps that cue localisation ranks: |s_A - s_B| of a class pair, and baselines in their place.

A source is a function of a pair (a row of pairs.csv) and of the rows of its images in the part
maps; it gives scores (N, S, S) float32 at the size of the part maps, not negative.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from pipeline.attribution.store import MapStore
from pipeline.cue_parts import HEAD
from pipeline.part_maps import PartMaps

Source = Callable[[Any, np.ndarray], np.ndarray]


def stored(store: MapStore, part_maps: PartMaps) -> Source:
    """|s_A - s_B| (section 5.2): differenced at the maps' own resolution, then enlarged.

    The enlargement is bilinear with half-pixel centres; the absolute value comes after it, as in
    the released code. The source raises UserError where the store lacks a map.
    """
    size = part_maps.labels.shape[1:]

    def scores(pair: Any, rows: np.ndarray) -> np.ndarray:
        ids = [part_maps.image_ids[row] for row in rows]
        first = _read(store, ids, str(pair.label_a))
        difference = torch.from_numpy(first - _read(store, ids, str(pair.label_b)))  # (N, h, w)
        enlarged = F.interpolate(
            difference[:, None], size=size, mode="bilinear", align_corners=False
        )
        return enlarged[:, 0].abs_().numpy()  # (N, S, S)

    return scores


def chance(part_maps: PartMaps) -> Source:
    """The same score everywhere: its PxAP is the fraction of cue pixels, that of random scores."""
    return lambda pair, rows: np.ones((len(rows), *part_maps.labels.shape[1:]), np.float32)


def always_head(part_maps: PartMaps) -> Source:
    """1 on the head and 0 elsewhere, whatever the pair."""
    return lambda pair, rows: (part_maps.labels[rows] == HEAD).astype(np.float32)


BASELINES: dict[str, Callable[[PartMaps], Source]] = {"chance": chance, "always_head": always_head}


def normalise(scores: np.ndarray, normalisation: str) -> np.ndarray:
    """(N, H, W) scores as they are (``"raw"``), or each image stretched to [0, 1] (``"minmax"``).

    An image whose scores are all equal becomes zero under ``"minmax"``.
    """
    if normalisation == "raw":
        return scores
    low = scores.min(axis=(1, 2), keepdims=True)
    span = scores.max(axis=(1, 2), keepdims=True) - low
    return (scores - low) / np.where(span > 0, span, 1)


def _read(store: MapStore, image_ids: list[str], target: str) -> np.ndarray:
    """(N, h, w) maps of one target; the file is read in its own order, as HDF5 asks for."""
    rows = np.array([store.lookup(image_id, target) for image_id in image_ids])
    order = np.argsort(rows)
    maps = np.empty((len(rows), *store.maps.shape[1:]), np.float32)
    maps[order] = store.maps[rows[order]]
    return maps
