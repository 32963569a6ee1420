"""Twelve images with boxes, their maps on disk, and the command line that measures them."""

import json

import cv2
import numpy as np
import pandas as pd

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.records import write_records
from pipeline.artefacts.scores import read_score
from pipeline.evaluation.localisation.boxes import MaxBoxAccuracy
from pipeline.evaluation.localisation.wsol import run

SIZE = 32
IMAGES = 12
LABELS = [i % 3 for i in range(IMAGES)]
IDENTITY = {
    "dataset": "birds",
    "architecture": "small",
    "variant": "cam",
    "seed": 0,
    "method": "cam",
}


def wsol_study(folder):
    """Images of 64 x 48 with a blob on the object for odd ones and off it for even ones."""
    rng = np.random.default_rng(0)
    records, maps = [], {}
    for i in range(IMAGES):
        x, y = rng.integers(4, 24), rng.integers(4, 16)
        box = [float(x), float(y), x + 30.0, y + 24.0]
        centre = ((box[0] + box[2]) / 2 / 64 * 8, (box[1] + box[3]) / 2 / 48 * 8)
        if i % 2 == 0:
            centre = (1.0, 1.0)
        grid = np.arange(8) + 0.5
        blob = np.exp(-((grid - centre[0]) ** 2 + (grid[:, None] - centre[1]) ** 2) / 4)
        maps[i] = (1e-4 * blob).astype(np.float32)
        records.append(
            {
                "image_id": f"a/{i}.jpg",
                "path": f"/images/a/{i}.jpg",
                "class_id": LABELS[i] + 1,
                "label": LABELS[i],
                "width": 64,
                "height": 48,
                "boxes": box,
                "segmentation": "",
                "masks": [],
                "ignore": "",
                "keypoints": [],
                "true_parts": "",
            }
        )
    write_records(folder / "test.parquet", pd.DataFrame(records))
    return folder, records, maps


def store(path, rows, maps, targets="class"):
    """A store of the given rows (image id, target) and maps."""
    with MapStore.create(
        path,
        rows=rows,
        shape=maps[0].shape,
        method="cam",
        targets=targets,
        units="logit",
        attributes={"forwards": len(rows)},
    ) as writer:
        writer.write(0, np.stack(maps), np.ones(len(rows)))


def store_own(folder, records, maps, name="maps.h5"):
    """A store of each image's own class; returns its path."""
    rows = [(record["image_id"], str(record["label"])) for record in records]
    store(folder / name, rows, list(maps.values()))
    return str(folder / name)


def call(folder, *source, section=None):
    out = folder / "score.json"
    section = json.dumps({"bootstrap": {"replicates": 50}} | (section or {}))
    data = ["--records", str(folder / "test.parquet"), "--size", str(SIZE)]
    run(
        [
            "--section",
            section,
            *source,
            *data,
            "--identity",
            json.dumps(IDENTITY),
            "--out",
            str(out),
        ]
    )
    return read_score(out)


def expected(records, maps, section):
    """The same measurement with OpenCV's resizing, image by image."""
    metric = MaxBoxAccuracy(section.iou_thresholds, section.contours)
    for record, attribution in zip(records, maps, strict=True):
        large = cv2.resize(attribution.astype(np.float64), (SIZE, SIZE))
        span = large.max() - large.min()
        scores = (large - large.min()) / span if span > 0 else np.zeros_like(large)
        x0, y0, x1, y1 = record["boxes"]
        truth = [x0 * SIZE / 64, y0 * SIZE / 48, x1 * SIZE / 64, y1 * SIZE / 48]
        metric.update(scores, np.array([[int(number) for number in truth]]))
    return metric
