"""The maps that cue localisation ranks: |s_A - s_B| of a class pair, and others in their place.

A source is a function of a pair (a row of pairs.csv) and of the rows of its images in the part
maps; it gives scores (N, S, S) float32 at the size of the part maps.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.part_maps import HEAD, PartMaps
from pipeline.artefacts.targets import PRIOR, class_target, counterfactual_target
from pipeline.images.enlarging import resized
from pipeline.runtime.errors import UserError

Source = Callable[[Any, np.ndarray], np.ndarray]


def stored(store: MapStore, part_maps: PartMaps, labels: np.ndarray) -> Source:
    """What the maps of a file say about where the classes of a pair differ.

    Maps of classes: |s_A - s_B| (section 5.2), differenced at the maps' own resolution, then
    enlarged. Counterfactual maps: |s|, where s explains the image's own class instead of the other.
    Maps that know no class (the location prior, saliency, edges): s itself, whatever the pair. The
    enlargement is bilinear with half-pixel centres; the absolute value comes after it, as in the
    released code.

    Args:
        store: the maps; the source raises UserError where it lacks one.
        part_maps: their images, and the size of the scores.
        labels: (N,) class label of each image of ``part_maps``.

    Raises:
        UserError: the maps are of supersets, which hold both classes of a pair.
    """
    if store.kind == "superset":
        raise UserError(
            f"{store.path} has maps of supersets, which do not tell the classes of a pair apart: "
            "cue localisation needs another attribution method."
        )
    height, width = part_maps.labels.shape[1:]

    def scores(pair: Any, rows: np.ndarray) -> np.ndarray:
        ids = [part_maps.image_ids[row] for row in rows]
        maps = _maps_of(store, ids, labels[rows], pair)  # (N, h, w)
        enlarged = resized(maps, (height, width))  # (N, S, S)
        return enlarged if store.kind == "prior" else np.abs(enlarged)

    return scores


def _maps_of(store: MapStore, image_ids: list[str], labels: np.ndarray, pair: Any) -> np.ndarray:
    """(N, h, w) float32 of N images of a pair, signed unless they know no class."""
    if store.kind == "prior":
        return _read(store, image_ids, [PRIOR] * len(image_ids))
    first, second = pair.label_a, pair.label_b
    if store.kind == "counterfactual":
        other = np.where(labels == first, second, first)
        targets = [counterfactual_target(*each) for each in zip(labels, other, strict=True)]
        return _read(store, image_ids, targets)
    of_first = _read(store, image_ids, [class_target(first)] * len(image_ids))
    return of_first - _read(store, image_ids, [class_target(second)] * len(image_ids))


def chance(part_maps: PartMaps) -> Source:
    """The same score everywhere: its PxAP is the fraction of cue pixels, that of random scores."""
    return lambda pair, rows: np.ones((len(rows), *part_maps.labels.shape[1:]), np.float32)


def always_head(part_maps: PartMaps) -> Source:
    """1 on the head and 0 elsewhere, whatever the pair."""
    return lambda pair, rows: (part_maps.labels[rows] == HEAD).astype(np.float32)


BASELINES: dict[str, Callable[[PartMaps], Source]] = {"chance": chance, "always_head": always_head}


def normalise(scores: np.ndarray, normalisation: str, *, calm: bool = False) -> np.ndarray:
    """Scores as they are ranked.

    Args:
        scores: (N, H, W), not negative.
        normalisation: ``"raw"``: as they are; ``"minmax"``: each image stretched to [0, 1];
            ``"released"``: as the authors run their code, CALM's own maps cut at 1 and others
            stretched.
        calm: whether they come from maps of CALM.

    Returns:
        (N, H, W). An image whose scores are all equal becomes zero, unless they are raw.
    """
    if normalisation == "raw":
        return scores
    low = scores.min(axis=(1, 2), keepdims=True)
    span = scores.max(axis=(1, 2), keepdims=True) - low
    if normalisation == "released" and calm:
        return np.where(span > 0, np.minimum(scores, 1), 0)
    return (scores - low) / np.where(span > 0, span, 1)


def _read(store: MapStore, image_ids: Sequence[str], targets: Sequence[str]) -> np.ndarray:
    """(N, h, w) maps of N images; the file is read in its own order, as HDF5 asks for."""
    rows = np.array([store.lookup(*key) for key in zip(image_ids, targets, strict=True)])
    order = np.argsort(rows)
    maps = np.empty((len(rows), *store.maps.shape[1:]), np.float32)
    maps[order] = store.maps[rows[order]]
    return maps
