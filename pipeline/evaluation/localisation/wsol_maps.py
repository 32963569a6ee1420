"""The score maps that localisation is measured on: enlarged to the image and put in [0, 1]."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.targets import own_target
from pipeline.images.enlarging import resized
from pipeline.runtime.errors import UserError
from pipeline.settings import Wsol

BATCH = 64  # maps resized at once


def score_maps(maps: np.ndarray, size: int, section: Wsol) -> np.ndarray:
    """Maps at the evaluation size, each normalised by itself.

    Args:
        maps: (B, h, w), any values.
        size: side of the result, pixels.
        section: its ``upsampling``, ``normalisation`` and ``ivr_percentile``.

    Returns:
        (B, size, size) float64 in [0, 1]; all zero where a map says nothing (it is constant,
        whatever the normalisation, or under ``max`` nowhere positive) or is not finite.
    """
    # Double precision, because probabilities of single pixels can be close to float32's smallest.
    scores = resized(np.asarray(maps, np.float64), (size, size), section.upsampling)
    finite = np.isfinite(scores).all(axis=(1, 2), keepdims=True)
    scores = np.where(finite, scores, 0)
    zero = _zero_level(scores.reshape(len(scores), -1), section)[:, None, None]  # (B, 1, 1)
    span = scores.max(axis=(1, 2), keepdims=True) - zero
    # of the maps as they are given: enlarging leaves rounding where they are constant
    varied = maps.max(axis=(1, 2), keepdims=True) > maps.min(axis=(1, 2), keepdims=True)
    says = finite & varied & (span > 0)  # (B, 1, 1)
    return np.where(says, (scores - zero).clip(0) / np.where(says, span, 1), 0)


def _zero_level(scores: np.ndarray, section: Wsol) -> np.ndarray:
    """The score that becomes 0, and all below it: (B, P) float64 -> (B,).

    ``minmax``: the minimum; ``max``: 0, so that the map is its positive part over its maximum
    (Eq. 2); ``ivr``: the score that a fraction ``ivr_percentile`` of the pixels lies below (Kim et
    al., "Normalization Matters in Weakly Supervised Object Localization", ICCV 2021).
    """
    if section.normalisation == "minmax":
        return scores.min(axis=1)
    if section.normalisation == "max":
        return np.zeros(len(scores))
    place = int(section.ivr_percentile * scores.shape[1])
    return np.partition(scores, place, axis=1)[:, place]


def stored_score_maps(
    store: MapStore, records: pd.DataFrame, size: int, section: Wsol
) -> Iterator[np.ndarray]:
    """The maps of each image's true class (its superset, or the prior), in the records' order.

    Args:
        store: the maps.
        records: columns image_id and label.
        size: side of the result, pixels.
        section: see :func:`score_maps`.

    Yields:
        (size, size) float64 in [0, 1].

    Raises:
        UserError: the store lacks a map, or its maps do not explain one label.
    """
    if store.kind == "counterfactual":
        raise UserError(
            f"{store.path} has counterfactual maps, which explain no single class, so that there "
            "is nothing to localise with. Choose another attribution method."
        )
    rows = [
        store.lookup(image_id, own_target(store.kind, label))
        for image_id, label in zip(records["image_id"], records["label"], strict=True)
    ]
    for start in range(0, len(rows), BATCH):
        maps = np.stack([store.maps[row] for row in rows[start : start + BATCH]])  # (B, h, w)
        yield from score_maps(maps, size, section)
