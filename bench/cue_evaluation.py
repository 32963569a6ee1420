"""Cue localisation from given weights to mPxAP, against a loop over pairs and their images.

Ours sends each image through the network once, keeps the maps, looks cue masks up in its part map,
and ends with bootstrap intervals. The loop is what one writes first, and what the released code
does: for every image of every pair two forward passes, one per class, a search for the nearest
keypoint, and two histograms; no intervals. An image is in seven pairs, as on real CUB.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from bench.cue_masks import PARTS, nearest_part
from bench.harness import Path, close
from pipeline.artefacts.part_maps import PartMaps
from pipeline.cues.part_maps import part_map
from pipeline.evaluation.cues.cue_localization import evaluate
from pipeline.models.classifier import Classifier, build_classifier
from pipeline.settings import CueLocalization, Training, TrainJob

CLASSES, EACH, SIDE, BATCH = 8, 4, 224, 8
SECTION = CueLocalization(thresholds="even", normalisations=("minmax",))
EDGES = np.append(np.arange(0, 1, 0.001), np.inf)


def paths() -> Iterator[Path]:
    """32 images of 8 classes, all 28 pairs of these; SqueezeNet, 27x27 maps."""
    job = TrainJob(trunk="squeezenet1_0", weights="none", seed=0, training=Training(method="cam"))
    model = build_classifier(job, CLASSES).eval()
    fast = build_classifier(job, CLASSES).eval().to(memory_format=torch.channels_last)
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), EACH)
    images = torch.from_numpy(rng.standard_normal((len(labels), 3, SIDE, SIDE), np.float32))
    points = np.dstack([rng.uniform(0, SIDE, (len(labels), 15, 2)), np.ones((len(labels), 15, 1))])
    pairs = pd.DataFrame(
        [
            {"class_a": a, "class_b": b, "label_a": a, "label_b": b}
            | {"parts": PARTS[number % len(PARTS)]}
            for number, (a, b) in enumerate(combinations(range(CLASSES), 2))
        ]
    )
    pairs["n_parts"] = pairs["parts"].map(len)
    yield Path(
        "cue localisation, 28 pairs, an image",
        lambda: _ours(fast, images, labels, points, pairs),
        lambda: _plain(model, images, labels, points, pairs),
        close(2e-3),  # pixels on the edge of a bin
        20,
        units=len(images),
        repeats=3,
    )


def _ours(
    model: Classifier, images: torch.Tensor, labels: np.ndarray, points: np.ndarray, pairs: Any
) -> float:
    with torch.inference_mode():
        batches = images.contiguous(memory_format=torch.channels_last).split(BATCH)
        maps = torch.cat([model(batch) for batch in batches])  # (N, C, h, w)
    part_maps = PartMaps(
        [str(index) for index in range(len(images))],
        np.stack([part_map(each, (SIDE, SIDE), (SIDE, SIDE)) for each in points]),
        np.ones((len(images), 7), bool),
        None,
        {},
    )

    def source(pair: Any, rows: np.ndarray) -> np.ndarray:
        difference = maps[rows, pair.label_a] - maps[rows, pair.label_b]
        size = (SIDE, SIDE)
        return F.interpolate(difference[:, None], size=size, mode="bilinear")[:, 0].abs().numpy()

    values, *_ = evaluate(SECTION, pairs, part_maps, labels, source)
    return values["mpxap_weighted_minmax"]


@torch.inference_mode()
def _plain(
    model: Classifier, images: torch.Tensor, labels: np.ndarray, points: np.ndarray, pairs: Any
) -> float:
    found = []
    for pair in pairs.itertuples():
        positives, negatives = np.zeros(len(EDGES) - 1), np.zeros(len(EDGES) - 1)
        for row in np.flatnonzero(np.isin(labels, [pair.label_a, pair.label_b])):
            maps = [
                cv2.resize(model(images[row : row + 1])[0, label].numpy(), (SIDE, SIDE))
                for label in (pair.label_a, pair.label_b)
            ]
            scores = np.abs(maps[0] - maps[1])
            scores = (scores - scores.min()) / (scores.max() - scores.min())
            mask = np.isin(nearest_part(points[row], (SIDE, SIDE), (SIDE, SIDE)), pair.parts)
            positives += np.histogram(scores[mask], EDGES)[0]
            negatives += np.histogram(scores[~mask], EDGES)[0]
        right = positives[::-1].cumsum()
        retrieved = right + negatives[::-1].cumsum()
        precision = np.divide(right, retrieved, out=np.zeros_like(right), where=retrieved > 0)
        found.append((precision * np.diff(right / right[-1], prepend=0)).sum())
    return float(np.mean(found))
