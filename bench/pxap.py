"""PxAP: our histograms and exact accumulation against np.histogram and scikit-learn."""

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import average_precision_score

from bench.harness import Path, close
from pipeline.evaluation.pxap import BIN_EDGES, PixelAveragePrecision

MAPS, SIDE = 40, 224


def paths() -> Iterator[Path]:
    """Forty maps: 1000 even bins, 1000 logarithmic bins, every distinct score."""
    rng = np.random.default_rng(0)
    masks = rng.random((MAPS, SIDE, SIDE)) < 0.1
    scores = np.clip(rng.beta(2, 6, masks.shape) + 0.2 * masks, 0, 1).astype(np.float32)
    masks = masks.astype(np.uint8)
    for name, thresholds, target in (
        ("PxAP, 1000 even bins", "even", 16),
        ("PxAP, 1000 log bins", "log", 6),
    ):
        edges = np.append(BIN_EDGES[thresholds], np.inf)
        yield Path(
            name,
            lambda t=thresholds: _ours(scores, masks, t),
            lambda e=edges: _histograms(scores, masks, e),
            close(1e-9),
            target,
            units=MAPS,
        )
    yield Path(
        "PxAP, exact",
        lambda: _ours(scores, masks, "exact"),
        lambda: average_precision_score(masks.ravel(), scores.ravel()),
        close(1e-9),
        1,
        units=MAPS,
    )


def _ours(scores: np.ndarray, masks: np.ndarray, thresholds: str) -> float:
    evaluator = PixelAveragePrecision(thresholds)
    for score_map, mask in zip(scores, masks, strict=True):
        evaluator.update(score_map, mask)
    return evaluator.compute()


def _histograms(scores: np.ndarray, masks: np.ndarray, edges: np.ndarray) -> float:
    positives = np.zeros(len(edges) - 1)
    negatives = np.zeros(len(edges) - 1)
    for score_map, mask in zip(scores, masks, strict=True):
        positives += np.histogram(score_map[mask == 1], edges)[0]
        negatives += np.histogram(score_map[mask == 0], edges)[0]
    right = positives[::-1].cumsum()
    found = right + negatives[::-1].cumsum()
    precision = np.divide(right, found, out=np.zeros_like(right), where=found > 0)
    recall = right / right[-1]
    return float((precision * np.diff(recall, prepend=0)).sum())
