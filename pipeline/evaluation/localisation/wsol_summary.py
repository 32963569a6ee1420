"""What localisation measures of one kind of maps: accumulated over images, then as named values."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.evaluation.bootstrap import interval, replicated_means, resample_counts
from pipeline.evaluation.localisation.boxes import MaxBoxAccuracy
from pipeline.evaluation.localisation.mask_precision import MaskPrecision
from pipeline.settings import Bootstrap, Wsol

V1_IOU = 0.5  # the IoU threshold of MaxBoxAcc as first defined


class Localisation:
    """Box accuracy over the images that have boxes, and PxAP over those that have masks.

    Attributes:
        boxes: accuracy with the contours of the section.
        largest: accuracy with the largest contour (V1); only updated where ``section.v1`` is set.
        pixels: PxAP.
    """

    def __init__(self, section: Wsol) -> None:
        self.section = section
        self.boxes = MaxBoxAccuracy(section.iou_thresholds, section.contours)
        self.largest = MaxBoxAccuracy((V1_IOU,), "largest")
        self.pixels = MaskPrecision()
        self._has_boxes: list[bool] = []
        self._has_labels: list[bool] = []

    def update(self, score_map: np.ndarray, boxes: np.ndarray, labels: np.ndarray | None) -> None:
        """Add an image.

        Args:
            score_map: (S, S) in [0, 1].
            boxes: (K, 4) whole numbers x0, y0, x1, y1; K = 0 where the image has masks alone.
            labels: (S, S) uint8, 1 object, 0 background, 255 left out; None without masks.
        """
        if len(boxes):
            self.boxes.update(score_map, boxes)
            if self.section.v1:
                self.largest.update(score_map, boxes)
        if labels is not None:
            self.pixels.update(score_map, labels)
        self._has_boxes.append(len(boxes) > 0)
        self._has_labels.append(labels is not None)

    def merge(self, other: "Localisation") -> None:
        """Append the images of ``other``; ValueError if it has another section."""
        if other.section != self.section:
            raise ValueError(f"cannot merge {other.section} into {self.section}")
        self.boxes.merge(other.boxes)
        self.largest.merge(other.largest)
        self.pixels.merge(other.pixels)
        self._has_boxes += other._has_boxes
        self._has_labels += other._has_labels

    def arrays(self) -> dict[str, np.ndarray]:
        """Per-image results, a row for each of the N images.

        ``best_iou`` and, for V1, ``best_iou_largest``: (N, 256) float32, entry t for the mask
        {floor(255 map) > t}, NaN for an image without boxes; ``peak``: (N,) uint8, threshold tau
        is t = int(tau peak); ``pixel_counts``: (N, 2, K) on
        `pipeline.evaluation.localisation.mask_precision.EDGES`,
        zeros for an image without an object pixel.
        """
        with_boxes, with_labels = np.array(self._has_boxes), np.array(self._has_labels)
        found = {}
        if with_boxes.any():
            found["best_iou"] = _rows(self.boxes.best_iou.astype(np.float32), with_boxes, np.nan)
            found["peak"] = _rows(self.boxes.peak, with_boxes, 0)
            if self.section.v1:
                largest = self.largest.best_iou.astype(np.float32)
                found["best_iou_largest"] = _rows(largest, with_boxes, np.nan)
        if with_labels.any():
            found["pixel_counts"] = _rows(self.pixels.counts, with_labels, 0)
        return found


@dataclass
class Summary:
    """What was measured of one kind of maps.

    Attributes:
        values: name -> fraction: ``maxboxaccv2``, ``maxboxacc_50``, ``pxap``, ...
        replicates: (R,) float64 for each value; those of a value whose threshold is chosen on the
            measured images are lowered, see :func:`replicated_accuracies`.
        details: map thresholds and numbers of images.
    """

    values: dict[str, float] = field(default_factory=dict)
    replicates: dict[str, np.ndarray] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def add_accuracies(
        self, accuracy: np.ndarray, replicates: np.ndarray, names: list[str], suffix: str
    ) -> None:
        """Add accuracies (D,) at IoU thresholds, replicates (R, D), and their mean: V2."""
        self.values[f"maxboxaccv2{suffix}"] = float(accuracy.mean())
        self.replicates[f"maxboxaccv2{suffix}"] = replicates.mean(axis=1)
        for d, name in enumerate(names):
            self.values[f"maxboxacc_{name}{suffix}"] = float(accuracy[d])
            self.replicates[f"maxboxacc_{name}{suffix}"] = replicates[:, d]

    def intervals(self, level: float) -> dict[str, tuple[float, float]]:
        """The interval of every value that has replicates, the value itself in it.

        Where nearly every image is right, lowering the replicates by what choosing a threshold
        gains can put all of them below the value.
        """
        found = {}
        for name, replicates in self.replicates.items():
            low, high = interval(replicates, level)
            found[name] = (low, max(high, self.values[name]))
        return found


def summarise(measured: Localisation, val: MaxBoxAccuracy | None, bootstrap: Bootstrap) -> Summary:
    """Values, replicates and details of what was measured.

    Args:
        measured: the test images.
        val: the boxes of val images, whose map thresholds are to be used as well.
        bootstrap: over images.

    Raises:
        UserError: there are masks, but no image has an object pixel.
    """
    summary = Summary()
    if len(measured.boxes.peak):
        _add_boxes(summary, measured.boxes, val, bootstrap)
    if len(measured.largest.peak):
        summary.values["maxboxacc_v1"] = measured.largest.compute()["v2"]
        summary.replicates["maxboxacc_v1"] = replicated_accuracies(measured.largest, bootstrap)[
            :, 0
        ]
    used = measured.pixels.used
    if len(used):
        summary.values |= measured.pixels.compute()
        summary.replicates |= measured.pixels.replicates(bootstrap)
        summary.details["images_with_masks"] = len(used)
        summary.details["images_without_object_pixels"] = int((~used).sum())
    return summary


def _add_boxes(
    summary: Summary, metric: MaxBoxAccuracy, val: MaxBoxAccuracy | None, bootstrap: Bootstrap
) -> None:
    """Box accuracies with the map threshold chosen in each of three ways.

    For the measured images themselves, one for all (the value);
    for every image by itself (``_own_threshold``: the other reading of Appendix E, a diagnostic);
    for the val images (``_val_threshold``; the same one in every replicate).
    """
    names = [f"{100 * threshold:g}" for threshold in metric.iou_thresholds]
    result = metric.compute()
    accuracy = np.array(list(result["accuracy"].values()))
    summary.add_accuracies(accuracy, replicated_accuracies(metric, bootstrap), names, "")
    summary.details["map_threshold"] = dict(zip(names, result["threshold"].values(), strict=True))
    summary.details["constant_maps"] = int((metric.peak == 0).sum())

    own = metric.best_iou.max(axis=1)[:, None] >= np.array(metric.iou_thresholds)  # (N, D)
    readings = {"_own_threshold": own}
    if val:
        chosen = list(val.compute()["threshold"].values())
        readings["_val_threshold"] = metric.hits(chosen)
        summary.details["val_map_threshold"] = dict(zip(names, chosen, strict=True))
        summary.details["val_images"] = len(val.peak)
    for suffix, hits in readings.items():
        replicates = replicated_means(hits, bootstrap)
        summary.add_accuracies(hits.mean(axis=0), replicates, names, suffix)


def replicated_accuracies(metric: MaxBoxAccuracy, bootstrap: Bootstrap) -> np.ndarray:
    """Accuracy at every IoU threshold in bootstrap replicates of the images: (R, D) in [0, 1].

    They are about the best threshold's accuracy on all images that there might be. The value itself
    lies above that, since its threshold is the best for just these images; replicates that choose
    theirs afresh lie higher still. So the value's threshold is kept in all of them, which is enough
    for their spread (a slightly other threshold has nearly the accuracy of the best), and they are
    lowered by what choosing gains. By the bootstrap's estimate of optimism (Efron and Gong, "A
    leisurely look at the bootstrap, the jackknife, and cross-validation", American Statistician 37,
    1983) the accuracy at a chosen threshold falls on other images by what the accuracy in a
    resample exceeds that in the sample by, at the resample's best threshold and on average; less
    the same at the kept threshold, which is 0 but for the luck of the draws. The best accuracy of
    all images lies about half way.
    """
    curves = metric.accuracy_curves()[0]  # (D, 1000)
    each = np.arange(len(curves))
    chosen = curves.argmax(axis=1)  # (D,)
    kept, optimism = [], []
    rng = np.random.default_rng(bootstrap.seed)
    for counts in resample_counts(rng, len(metric.peak), bootstrap.replicates):
        drawn = metric.accuracy_curves(counts)  # (r, D, 1000)
        best = drawn.argmax(axis=2)  # (r, D)
        kept.append(drawn[:, each, chosen])
        luck = kept[-1] - curves[each, chosen]
        optimism.append(drawn.max(axis=2) - curves[each, best] - luck)
    gain = np.concatenate(optimism).mean(axis=0) / 2  # (D,)
    return np.clip(np.concatenate(kept) - gain, 0, 1)


def _rows(rows: np.ndarray, places: np.ndarray, missing: float) -> np.ndarray:
    """Rows put in their places (N,) bool of a longer array, whose other rows are ``missing``."""
    spread = np.full((len(places), *rows.shape[1:]), missing, rows.dtype)
    spread[places] = rows
    return spread
