"""Weakly supervised object localisation: MaxBoxAccV2 of a model's maps (paper, section 5.4).

``python -m pipeline.evaluation.wsol``. Of every test image the maps of its true class are
measured: the class's own map, its superset's, or the location prior, whichever the file holds.
Maps are resized to the evaluation size, then stretched to [0, 1] image by image; boxes are scaled
to the same square and cut to whole pixels, as the WSOL protocol does. With ``images.resize:
short_side`` they are first clipped to the square that is stored; an image whose boxes all lie
outside it is left out.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import interpolate

from pipeline.attribution.plan import PRIOR, class_target, superset_target
from pipeline.attribution.store import MapStore
from pipeline.cli import add_section, main, parser, read_section
from pipeline.datasets.records import read_records
from pipeline.errors import UserError
from pipeline.evaluation.bootstrap import interval, resample_counts
from pipeline.evaluation.boxes import MaxBoxAccuracy
from pipeline.evaluation.scores import (
    parse_identity,
    per_image_path,
    provenance,
    write_arrays,
    write_score,
)
from pipeline.geometry import RESIZES, stored_part
from pipeline.progress import track
from pipeline.settings import Bootstrap, Wsol

BATCH = 64  # maps resized at once


def stored_boxes(records: pd.DataFrame, size: int, resize: str) -> list[np.ndarray]:
    """The boxes of every image on its stored square: (K, 4) int64 each, K = 0 where none is left.

    Args:
        records: columns boxes, width and height.
        size: side of the square, pixels.
        resize: ``images.resize`` of the shards.

    Returns:
        x0, y0, x1, y1, cut to whole pixels.
    """
    return [
        stored_part((record.width, record.height), resize)
        .stored_boxes(record.boxes, size)
        .astype(np.int64)
        for record in records.itertuples()
    ]


def score_maps(maps: np.ndarray, size: int, upsampling: str) -> np.ndarray:
    """Maps at the evaluation size, each stretched to [0, 1].

    Args:
        maps: (B, h, w), any values.
        size: side of the result, pixels.
        upsampling: "bilinear" or "bicubic".

    Returns:
        (B, size, size) float64; all zero where a map is constant or not finite.
    """
    # Double precision, because probabilities of single pixels can be close to float32's smallest.
    scores = torch.from_numpy(np.asarray(maps, dtype=np.float64))[:, None]  # (B, 1, h, w)
    scores = interpolate(scores, (size, size), mode=upsampling, align_corners=False)[:, 0]
    low = scores.amin(dim=(1, 2), keepdim=True)  # (B, 1, 1)
    span = scores.amax(dim=(1, 2), keepdim=True) - low
    usable = torch.isfinite(span) & (span > 0)
    return torch.where(usable, (scores - low) / span, 0.0).numpy()


def center_gaussian(size: int) -> np.ndarray:
    """The baseline that looks at no image: a Gaussian around the middle of the square.

    Its level sets are discs, so its boxes are squares about the centre of every size. The width
    (a quarter of the side) does not matter beyond rounding: the threshold is chosen afterwards.

    Returns:
        (size, size) float64 in [0, 1].
    """
    offset = (np.arange(size) - (size - 1) / 2) / (size / 4)  # in standard deviations
    gaussian = np.exp(-(offset[:, None] ** 2 + offset[None, :] ** 2) / 2)
    return (gaussian - gaussian.min()) / np.ptp(gaussian)


BASELINES = {"center_gaussian": center_gaussian}


def stored_score_maps(
    store: MapStore, records: pd.DataFrame, kind: str, size: int, upsampling: str
) -> Iterator[np.ndarray]:
    """The maps of each image's true class, in the order of the records: (size, size) in [0, 1].

    Args:
        store: the maps.
        records: columns image_id and label.
        kind: "class", "superset" or "prior".
        size: side of the result, pixels.
        upsampling: "bilinear" or "bicubic".

    Raises:
        UserError: the store lacks a map.
    """
    targets = {"class": class_target, "superset": superset_target, "prior": lambda label: PRIOR}
    rows = [
        store.lookup(image_id, targets[kind](label))
        for image_id, label in zip(records["image_id"], records["label"], strict=True)
    ]
    for start in range(0, len(rows), BATCH):
        maps = np.stack([store.maps[row] for row in rows[start : start + BATCH]])  # (B, h, w)
        yield from score_maps(maps, size, upsampling)


def kinds_of(store: MapStore) -> list[str]:
    """Which of "class", "superset" and "prior" the store has maps of, in this order.

    Raises:
        UserError: none of them.
    """
    targets = set(store.targets)
    found = {
        "class": any(target.isdigit() for target in targets),
        "superset": any(target.startswith("superset:") for target in targets),
        "prior": PRIOR in targets,
    }
    if not any(found.values()):
        raise UserError(
            f"{store.path} has no maps of a class, a superset or the prior, so that there is "
            "nothing to localise with. Choose another attribution method."
        )
    return [kind for kind, present in found.items() if present]


def measure(
    maps: Iterable[np.ndarray], boxes: Iterable[np.ndarray], section: Wsol
) -> MaxBoxAccuracy:
    """MaxBoxAcc over images: maps (S, S) in [0, 1] and boxes (K, 4) of each, in one order."""
    metric = MaxBoxAccuracy(section.iou_thresholds, section.contours)
    for score_map, truth in zip(maps, boxes, strict=True):
        metric.update(score_map, truth)
    return metric


def replicated_accuracies(metric: MaxBoxAccuracy, bootstrap: Bootstrap) -> np.ndarray:
    """Accuracy at every IoU threshold in bootstrap replicates of the images: (R, D).

    The threshold of the maps is chosen again in each replicate, as it is for the value itself.
    """
    rng = np.random.default_rng(bootstrap.seed)
    counts = resample_counts(rng, len(metric.peak), bootstrap.replicates)
    return np.concatenate([metric.accuracy_curves(chunk).max(axis=2) for chunk in counts])


def summarise(
    metric: MaxBoxAccuracy, kind: str, bootstrap: Bootstrap
) -> tuple[dict[str, float], dict[str, tuple[float, float]], dict[str, Any]]:
    """Values and intervals by name (``class.maxboxaccv2``, ``class.maxboxacc_50``), and details."""
    result = metric.compute()
    names = [f"{100 * threshold:g}" for threshold in metric.iou_thresholds]
    replicates = replicated_accuracies(metric, bootstrap)  # (R, D)
    values = {f"{kind}.maxboxaccv2": result["v2"]}
    intervals = {f"{kind}.maxboxaccv2": interval(replicates.mean(axis=1), bootstrap.level)}
    for d, (name, accuracy) in enumerate(zip(names, result["accuracy"].values(), strict=True)):
        values[f"{kind}.maxboxacc_{name}"] = accuracy
        intervals[f"{kind}.maxboxacc_{name}"] = interval(replicates[:, d], bootstrap.level)
    # The other reading of Appendix E: each image at the threshold that suits it best.
    own = [float((metric.best_iou.max(axis=1) >= d).mean()) for d in metric.iou_thresholds]
    details = {
        "map_threshold": dict(zip(names, result["threshold"].values(), strict=True)),
        "accuracy_at_own_threshold": dict(zip(names, own, strict=True)),
        "constant_maps": int((metric.peak == 0).sum()),
    }
    return values, intervals, details


def run(argv: list[str]) -> None:
    """Command line: one file of maps, or a baseline -> a score file and the results an image."""
    arguments = parser("pipeline.evaluation.wsol", "Measure how well maps localise objects.")
    add_section(arguments, Wsol)
    source = arguments.add_mutually_exclusive_group(required=True)
    source.add_argument("--maps", help="HDF5 file of attribution maps")
    source.add_argument("--baseline", choices=sorted(BASELINES), help="instead of a model's maps")
    arguments.add_argument("--records", required=True, help="the test images and their boxes")
    arguments.add_argument("--size", type=int, required=True, help="evaluation size, pixels")
    arguments.add_argument(
        "--resize", choices=RESIZES, default="square", help="images.resize of the shards"
    )
    arguments.add_argument("--identity", required=True, help="what is measured, as JSON")
    arguments.add_argument("--out", required=True, help="score file (.json) to write")
    options = arguments.parse_args(argv)
    section = read_section(options.section, Wsol)
    identity = parse_identity(options.identity)

    everything = read_records(options.records)
    stored = stored_boxes(everything, options.size, options.resize)
    records = everything[[len(found) > 0 for found in stored]]
    if records.empty:
        raise UserError(f"{options.records} has no image with a box: there is nothing to localise.")
    boxes = [found for found in stored if len(found)]

    inputs = {"records": options.records}
    metrics: dict[str, MaxBoxAccuracy] = {}
    if options.baseline:  # one map for all images and classes, as a location prior
        score_map = BASELINES[options.baseline](options.size)
        metrics["prior"] = measure([score_map] * len(boxes), boxes, section)
    else:
        inputs["maps"] = options.maps
        with MapStore.open(options.maps) as store:
            for kind in kinds_of(store):
                maps = stored_score_maps(store, records, kind, options.size, section.upsampling)
                progress = track(maps, len(boxes), f"boxes of {kind} maps: images")
                metrics[kind] = measure(progress, boxes, section)

    values: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    details: dict[str, Any] = {
        "images": len(records),
        "images_without_boxes": len(everything) - len(records),
        "boxes_cut_away": int(everything["boxes"].map(len).sum()) // 4 - sum(map(len, stored)),
        "size": options.size,
    }
    arrays = {"image_id": records["image_id"].to_numpy(dtype=str)}
    for kind, metric in metrics.items():
        of_kind = summarise(metric, kind, section.bootstrap)
        values |= of_kind[0]
        intervals |= of_kind[1]
        details[kind] = of_kind[2]
        # Entry t of an image is for the mask {floor(255 map) > t}; tau is t = int(tau * peak).
        arrays[f"{kind}.best_iou"] = metric.best_iou.astype(np.float32)  # (N, 256)
        arrays[f"{kind}.peak"] = metric.peak  # (N,)
    write_arrays(per_image_path(options.out), arrays)
    write_score(
        options.out,
        task="wsol",
        identity=identity,
        values=values,
        intervals=intervals,
        details=details,
        provenance=provenance(section, inputs),
    )


if __name__ == "__main__":
    main(run)
