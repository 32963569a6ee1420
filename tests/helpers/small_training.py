"""Trainings that take seconds: red and green images, their shards, and a job's command line."""

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.settings import Images, Training, TrainJob
from pipeline.sharding import writing as shards
from pipeline.training.__main__ import run as run_training

CLASSES = 2
TRAINING = {
    "epochs": 2,
    "batch_size": 8,
    "crop": 32,
    "lr": 0.02,
    "schedule": "cosine",
    "head_lr_ratio": 1.0,
}


def write_split(folder, split, records):
    images = Images(train_size=40, eval_size=32, train_format="png")
    return shards.write_shards(records, images, split, folder / "shards" / split, workers=1)


def draw_data(folder, train=40, val=12):
    """Shards of so many red and green images with noise, and what training needs besides them."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        rows = []
        for index in range(count):
            label = index % CLASSES
            pixels = rng.integers(0, 120, (40, 40, 3), dtype=np.uint8)
            pixels[10:25, 10:25, label] += 120
            path = folder / f"{split}{index}.png"
            Image.fromarray(pixels).save(path)
            rows.append({"image_id": path.name, "path": str(path), "label": label})
        write_split(folder, split, pd.DataFrame(rows))
    pd.DataFrame({"label": [0, 1], "class_id": [1, 2], "name": ["red", "green"]}).to_csv(
        folder / "classes.csv", index=False
    )
    np.savetxt(folder / "attributes.txt", [[90, 10, 50], [0, 80, 49]])
    return folder


def job(method="cam", **keys):
    training = Training(method=method, **{**TRAINING, **keys})
    return TrainJob(trunk="resnet_small", weights="none", seed=5, training=training)


def words(data, out, wanted, **options):
    """The command line of a training."""
    arguments = {
        "section": wanted.model_dump_json(),
        "train-shards": data / "shards/train/manifest.json",
        "val-shards": data / "shards/val/manifest.json",
        "classes": data / "classes.csv",
        "checkpoints": out / "checkpoints",
        "out": out,
        "threads": 1,
        "workers": 1,
        **options,
    }
    return [str(word) for name, value in arguments.items() for word in (f"--{name}", value)]


def run(data, out, wanted, **options):
    run_training(words(data, out, wanted, **options))
