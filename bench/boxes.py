"""MaxBoxAcc of one map: the component tree against OpenCV's contours at 1000 thresholds."""

from collections.abc import Iterator

import cv2
import numpy as np

from bench.harness import Path, close
from pipeline.evaluation.localisation.boxes import THRESHOLDS, MaxBoxAccuracy

SIDE = 224
BOXES = np.array([[40, 50, 150, 170], [10, 10, 60, 60], [120, 30, 200, 90]])


def paths() -> Iterator[Path]:
    """Smooth and random maps, all contours and the largest, one and three boxes."""
    rng = np.random.default_rng(0)
    smooth = _scaled(cv2.resize(rng.random((7, 7)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
    noisy = _scaled(cv2.resize(rng.random((28, 28)), (SIDE, SIDE)))
    for name, score_map, count, contours, target in (
        ("MaxBoxAccV2, smooth map, 1 box", smooth, 1, "all", 15),
        ("MaxBoxAccV2, random map, 1 box", noisy, 1, "all", 40),
        ("MaxBoxAccV2, random map, 3 boxes", noisy, 3, "all", 200),
        ("MaxBoxAcc largest contour, smooth map", smooth, 1, "largest", 8),
        ("MaxBoxAcc largest contour, random map", noisy, 1, "largest", 8),
    ):
        boxes = BOXES[:count]
        yield Path(
            name,
            lambda m=score_map, b=boxes, c=contours: _ours(m, b, c),
            lambda m=score_map, b=boxes, c=contours: _plain(m, b, c),
            close(1e-12),
            target,
        )


def _ours(score_map: np.ndarray, boxes: np.ndarray, contours: str) -> np.ndarray:
    metric = MaxBoxAccuracy(contours=contours)
    metric.update(score_map, boxes)
    return metric.best_iou[0, (THRESHOLDS * metric.peak[0]).astype(int)]  # (1000,)


def _plain(score_map: np.ndarray, boxes: np.ndarray, contours: str) -> np.ndarray:
    levels = (score_map * 255).astype(np.uint8)
    best = []
    for tau in THRESHOLDS:
        mask = cv2.threshold(levels, int(tau * levels.max()), 255, cv2.THRESH_BINARY)[1]
        found = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
        if contours == "largest":
            found = [max(found, key=cv2.contourArea)]
        iou = 0.0
        for contour in found:
            x, y, w, h = cv2.boundingRect(contour)
            box = (x, y, min(x + w, SIDE - 1), min(y + h, SIDE - 1))
            iou = max(iou, *(_iou(box, truth) for truth in boxes), 0.0)
        best.append(iou)
    return np.array(best)


def _iou(a: tuple[int, ...], b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    common = max(0, width) * max(0, height)
    areas = sum((box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b))
    return common / (areas - common)


def _scaled(score_map: np.ndarray) -> np.ndarray:
    low, high = score_map.min(), score_map.max()
    return (score_map - low) / (high - low)
