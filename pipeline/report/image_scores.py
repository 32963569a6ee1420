"""What the scores say of single test images: predictions, and how each map localises."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.artefacts.scores import read_arrays, read_score


def predictions_of(scores: Sequence[Path]) -> dict[str, dict[str, tuple[int, float]]]:
    """Variant -> image -> the predicted class and its p(y|x), of classification scores."""
    found = {}
    for score, arrays in _of_task(scores, "classification"):
        rows = zip(arrays["image_id"], arrays["prediction"], arrays["confidence"], strict=True)
        found[score["identity"]["variant"]] = {
            str(image): (int(predicted), round(float(confidence), 4))
            for image, predicted, confidence in rows
        }
    return found


def ious_of(scores: Sequence[Path]) -> dict[str, dict[str, float]]:
    """VARIANT/METHOD -> image -> IoU of its box with the object's, of localisation scores.

    The box is that of the table's accuracy at an IoU of 50 %: one threshold for the whole split.
    """
    found = {}
    for score, arrays in _of_task(scores, "wsol"):
        for kind, details in score["details"].items():
            thresholds = details.get("map_threshold", {}) if isinstance(details, Mapping) else {}
            threshold = thresholds.get("50")
            if threshold is not None:
                best, peak = arrays[f"{kind}.best_iou"], arrays[f"{kind}.peak"]  # (N, 256), (N,)
                step = (threshold * peak.astype(np.float64)).astype(int)
                ious = best[np.arange(len(best)), step]
                found[_map_of(score)] = {
                    str(image): round(float(iou), 3)
                    for image, iou in zip(arrays["image_id"], ious, strict=True)
                    if np.isfinite(iou)
                }
    return found


def shares_of(
    scores: Sequence[Path], pairs: pd.DataFrame | None
) -> dict[str, dict[tuple[str, int, int], float]]:
    """VARIANT/METHOD -> (image, label A, label B) -> relevance mass, of cue localisation.

    It is the share of ``|s_A - s_B|`` that lies in the cue mask, under both orders of the classes.

    Args:
        scores: of any tasks.
        pairs: pairs.csv that they were measured with, in any order; None: of no cue localisation.
    """
    found: dict[str, dict[tuple[str, int, int], float]] = {}
    label_of = _labels(pairs)
    for score, arrays in _of_task(scores, "cue_localization"):
        pair, image = arrays["row_pair"], arrays["row_image"]  # (rows,), of images and pairs
        rows = zip(
            arrays["image_id"][image],
            arrays["class_a"][pair],
            arrays["class_b"][pair],
            arrays["mass"],
            strict=True,
        )
        of = found.setdefault(_map_of(score), {})
        for name, class_a, class_b, mass in rows:
            if np.isfinite(mass):
                first, second = label_of[int(class_a)], label_of[int(class_b)]
                share = round(float(mass), 3)
                of[str(name), first, second] = of[str(name), second, first] = share
    return found


def _labels(pairs: pd.DataFrame | None) -> dict[int, int]:
    """Class id -> label, of the classes of pairs."""
    if pairs is None:
        return {}
    ids = [*pairs["class_a"], *pairs["class_b"]]
    labels = [*pairs["label_a"], *pairs["label_b"]]
    return {int(class_id): int(label) for class_id, label in zip(ids, labels, strict=True)}


def _map_of(score: Mapping[str, Any]) -> str:
    return f"{score['identity']['variant']}/{score['identity']['method']}"


def _of_task(
    scores: Sequence[Path], task: str
) -> Iterator[tuple[dict[str, Any], Mapping[str, np.ndarray]]]:
    """The scores of a task, and their results per image."""
    for path in scores:
        score = read_score(path)
        if score["task"] == task:
            yield score, read_arrays(path)
