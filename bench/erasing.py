"""The pixels to erase at nine fractions: one ranking per map against a sort for each fraction."""

from collections.abc import Iterator

import numpy as np

from bench.harness import Path
from pipeline.evaluation.erasing.erasing import masks_of
from pipeline.evaluation.erasing.relevance import erased_count, relevance_ranks

SIDE = 224
FRACTIONS = [tenth / 10 for tenth in range(1, 10)]


def paths() -> Iterator[Path]:
    """A map without equal values, so that the order of ties does not matter."""
    score_map = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    yield Path(
        "erase masks, 9 fractions",
        lambda: masks_of(relevance_ranks(score_map), FRACTIONS, "most"),
        lambda: _plain(score_map),
        # equal values, which float32 has a few of, may cross one fraction's limit
        lambda ours, plain: (ours != plain).sum() <= 2 * len(FRACTIONS),
        8,
    )


def _plain(score_map: np.ndarray) -> np.ndarray:
    masks = []
    for fraction in FRACTIONS:
        order = np.argsort(-score_map.ravel())
        mask = np.zeros(score_map.size, bool)
        mask[order[: erased_count(fraction, score_map.size)]] = True
        masks.append(mask.reshape(score_map.shape))
    return np.stack(masks)
