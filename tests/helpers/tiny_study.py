"""A test split and untrained models on disk, as the stages before attribution leave them."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
from drawn_images import draw_records

from pipeline.artefacts.files import write_json
from pipeline.artefacts.records import write_records
from pipeline.models import build_classifier, save_model
from pipeline.settings import Images, Training, TrainJob
from pipeline.sharding.writing import write_shards

CLASSES = 4
IMAGES = 12  # three per class, in the order of the classes


class TinyStudy(NamedTuple):
    """Paths of the artefacts; ``weights`` by method of training."""

    records: Path
    shards: Path
    pairs: Path
    supersets: Path
    weights: dict[str, Path]
    table: pd.DataFrame


def tiny_study(folder: Path) -> TinyStudy:
    """Draw ``IMAGES`` images of ``CLASSES`` classes; pairs are (0, 1) and (2, 0); 3 has none."""
    table = draw_records(folder / "raw", IMAGES, CLASSES).assign(
        class_id=lambda rows: rows["label"] + 1, width=30, height=30, segmentation="",
        true_parts="", boxes=[[0.0, 0.0, 9.0, 9.0]] * IMAGES, keypoints=[[]] * IMAGES,
        masks=[[]] * IMAGES, ignore="",
    )  # fmt: skip
    write_records(folder / "test.parquet", table)
    section = Images(eval_size=32, shard_images=5)
    shards = write_shards(table, section, "test", folder / "shards")
    pd.DataFrame(
        {"class_a": [1, 1], "class_b": [2, 3], "label_a": [0, 2], "label_b": [1, 0]}
    ).to_csv(folder / "pairs.csv", index=False)
    groups = {"0": [0, 1, 2], "1": [0, 1, 2], "2": [0, 1, 2], "3": [3]}
    write_json(folder / "supersets.json", {"kind": "x", "supersets": groups, "check": {}})
    weights = {}
    for method in ("cam", "calm_em", "attributes"):
        job = TrainJob(
            trunk="resnet_small", weights="none", seed=1, training=Training(method=method)
        )
        weights[method] = folder / f"{method}.safetensors"
        save_model(build_classifier(job, CLASSES), weights[method], {})
    return TinyStudy(
        folder / "test.parquet",
        shards,
        folder / "pairs.csv",
        folder / "supersets.json",
        weights,
        table,
    )
