"""MaxBoxAcc and MaxBoxAccV2: how well boxes around an attribution map's level sets fit the object.

Definitions as in the WSOL protocol that the paper follows (Choe et al., "Evaluating Weakly
Supervised Object Localization Methods Right", CVPR 2020; the paper's Appendix E). The threshold is
chosen once for the whole set of images, separately for each IoU threshold.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from pipeline.evaluation.localisation.components import (
    LEVELS,
    best_iou_of_all,
    best_iou_of_largest,
    box_iou,
)
from pipeline.evaluation.localisation.rows import Rows

THRESHOLDS = np.arange(0, 1, 0.001)  # (1000,) fractions of a map's maximum


class MaxBoxAccuracy:
    """Box accuracy of score maps, at the threshold that is best for the whole set of images.

    A map becomes bytes, floor(255 * map). At threshold tau its mask is {bytes > int(tau * max)},
    and the predicted boxes are the bounding boxes of the mask's contours. They end one pixel too
    far right and below, clipped to the map, as in the published metric; a map without any contour
    (all zero) predicts the box [0, 0, 0, 0]. IoU counts both corner pixels as inside. An image is
    right at tau where any predicted box reaches the IoU threshold with any ground-truth box.

    At most 255 of the 1000 masks of a map differ, so what is kept of an image is its best IoU at
    each byte level: every IoU threshold, tau and bootstrap replicate follows from it.

    Args:
        iou_thresholds: fractions in (0, 1]; V2 is the mean over them.
        contours: "all": every outer border and every border of a hole (V2); "largest": the contour
            whose polygon has the largest area (V1).
    """

    def __init__(
        self,
        iou_thresholds: Sequence[float] = (0.3, 0.5, 0.7),
        contours: Literal["all", "largest"] = "all",
    ) -> None:
        if contours not in ("all", "largest"):
            raise ValueError(f"contours must be 'all' or 'largest', not {contours!r}")
        if not iou_thresholds or not all(0 < threshold <= 1 for threshold in iou_thresholds):
            raise ValueError(f"iou_thresholds must be fractions in (0, 1]: {iou_thresholds}")
        self.iou_thresholds = tuple(iou_thresholds)
        self.contours = contours
        self._best_iou = Rows((LEVELS,), np.float64)
        self._peak: list[int] = []

    @classmethod
    def from_best_iou(
        cls, best_iou: np.ndarray, peak: np.ndarray, iou_thresholds: Sequence[float]
    ) -> "MaxBoxAccuracy":
        """Of images that were measured before, as the arrays of a score file keep them.

        Args:
            best_iou: (N, 256), see :attr:`best_iou`.
            peak: (N,), see :attr:`peak`.
            iou_thresholds: fractions in (0, 1].
        """
        metric = cls(iou_thresholds)
        for row in best_iou:
            metric._best_iou.append(row)
        metric._peak = [int(number) for number in peak]
        return metric

    def update(self, score_map: np.ndarray, boxes: np.ndarray) -> None:
        """Add an image.

        Args:
            score_map: (H, W) in [0, 1]; floats are kept in their precision.
            boxes: (K, 4) whole numbers, K >= 1: x0, y0, x1, y1 in pixels of the map.

        Raises:
            ValueError: the map is not 2-D, empty, not finite or outside [0, 1]; the boxes are not
                (K, 4), not whole numbers, or have a corner before its opposite.
        """
        levels = _to_bytes(score_map)
        boxes = _check_boxes(boxes)
        peak = int(levels.max())
        if peak == 0:
            best = np.full(LEVELS, box_iou(0, 0, 0, 0, boxes))
        elif self.contours == "all":
            best = best_iou_of_all(levels, boxes)
        else:
            best = best_iou_of_largest(levels, boxes)
        self._best_iou.append(best)
        self._peak.append(peak)

    def merge(self, other: "MaxBoxAccuracy") -> None:
        """Add the images of ``other``, after one's own.

        Raises:
            ValueError: ``other`` measures something else.
        """
        mine, theirs = (self.iou_thresholds, self.contours), (other.iou_thresholds, other.contours)
        if mine != theirs:
            raise ValueError(f"cannot merge {theirs} into {mine}")
        self._best_iou.extend(other._best_iou)
        self._peak += other._peak

    @property
    def best_iou(self) -> np.ndarray:
        """(N, 256) best IoU at each byte level t, mask {bytes > t}; -1 from the maximum on."""
        return self._best_iou.array()

    @property
    def peak(self) -> np.ndarray:
        """(N,) largest byte of each map: threshold tau is its level int(tau * peak)."""
        return np.array(self._peak, dtype=np.uint8)

    def accuracy_curves(self, counts: np.ndarray | None = None) -> np.ndarray:
        """Accuracy at each IoU threshold and each tau.

        Args:
            counts: (R, N) how often each image counts, one row per bootstrap replicate; once each
                if not given.

        Returns:
            (R, D, 1000) float64 for D IoU thresholds and the taus of `THRESHOLDS`.

        Raises:
            ValueError: there is no image.
        """
        if not self._peak:
            raise ValueError("no image was added")
        if counts is None:
            counts = np.ones((1, len(self._peak)), np.float32)
        hits = np.zeros((len(counts), len(self.iou_thresholds), len(THRESHOLDS)))
        peaks, start = self.peak, 0
        for best_iou in self._best_iou.blocks():  # sums of whole numbers: exact in any order
            images = slice(start, start + len(best_iou))
            start += len(best_iou)
            drawn = counts[:, images]
            for peak in np.unique(peaks[images]):  # of equal peaks the level of each tau is one
                group = peaks[images] == peak
                levels = (THRESHOLDS * peak).astype(np.int64)  # (1000,)
                for d, threshold in enumerate(self.iou_thresholds):
                    right = (best_iou[group] >= threshold).astype(np.float32)  # (n, 256)
                    hits[:, d] += (drawn[:, group] @ right)[:, levels]
        return hits / counts.sum(axis=1, dtype=np.float64)[:, None, None]

    def hits(self, thresholds: Sequence[float]) -> np.ndarray:
        """Which images are right at each IoU threshold, with a map threshold given for each.

        Args:
            thresholds: D fractions of a map's maximum, in [0, 1).

        Returns:
            (N, D) bool.
        """
        levels = (np.array(thresholds) * self.peak[:, None]).astype(np.int64)  # (N, D)
        reached = np.take_along_axis(self.best_iou, levels, axis=1)
        return reached >= np.array(self.iou_thresholds)

    def compute(self) -> dict[str, Any]:
        """The accuracies at their best thresholds.

        Returns:
            accuracy: {IoU threshold: fraction of images}; threshold: {IoU threshold: tau}, the
            lowest of equals; v2: mean accuracy.

        Raises:
            ValueError: there is no image.
        """
        curves = self.accuracy_curves()[0]  # (D, 1000)
        best = curves.argmax(axis=1)
        accuracy = {d: float(curves[i, best[i]]) for i, d in enumerate(self.iou_thresholds)}
        return {
            "accuracy": accuracy,
            "threshold": {d: float(THRESHOLDS[best[i]]) for i, d in enumerate(self.iou_thresholds)},
            "v2": float(np.mean(list(accuracy.values()))),
        }


def _to_bytes(score_map: np.ndarray) -> np.ndarray:
    """floor(255 * map) as uint8, after checking the map."""
    score_map = np.asarray(score_map)
    if score_map.ndim != 2 or score_map.size == 0:
        raise ValueError(f"a score map must be (H, W), not {score_map.shape}")
    if score_map.dtype not in (np.float32, np.float64):
        score_map = score_map.astype(np.float64)
    low, high = score_map.min(), score_map.max()
    if not (low >= 0 and high <= 1):  # also where they are NaN
        raise ValueError(f"a score map must lie in [0, 1] without NaN; it spans [{low}, {high}]")
    return (score_map * 255).astype(np.uint8)


def _check_boxes(boxes: np.ndarray) -> np.ndarray:
    """The boxes as (K, 4) int64."""
    boxes = np.asarray(boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or len(boxes) == 0:
        raise ValueError(f"boxes must be (K, 4) with K >= 1, not {boxes.shape}")
    if boxes.dtype.kind not in "iu":
        raise ValueError(f"boxes must be whole numbers, not {boxes.dtype}")
    if (boxes[:, :2] > boxes[:, 2:]).any():
        raise ValueError(f"boxes must have x0 <= x1 and y0 <= y1: {boxes.tolist()}")
    return boxes.astype(np.int64)
