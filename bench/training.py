"""A training step of SqueezeNet and the reading of its images, on the CPU."""

import tempfile
from collections.abc import Iterator
from pathlib import Path as File

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as transforms

from bench.harness import Path, close
from pipeline.artefacts.shards import open_shards
from pipeline.images.loading import eval_loader
from pipeline.models.classifier import build_classifier
from pipeline.settings import Images, Training, TrainJob
from pipeline.sharding.writing import write_shards

BATCH, IMAGES = 8, 64


def paths() -> Iterator[Path]:
    """One training step in bf16 and channels_last against eager fp32; one pass over images."""
    job = TrainJob(
        trunk="squeezenet1_0", weights="none", seed=0, training=Training(method="calm_em")
    )
    images = torch.randn(BATCH, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(BATCH)
    fast = build_classifier(job, 50).to(memory_format=torch.channels_last)
    slow = build_classifier(job, 50)
    yield Path(
        "training step, SqueezeNet 27x27, an image",
        lambda: _step(fast, images.to(memory_format=torch.channels_last), labels, True),
        lambda: _step(slow, images, labels, False),
        close(0.5),  # bf16 has about three significant digits
        2,
        units=BATCH,
        repeats=5,
    )
    yield from _reading()


def _step(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, half: bool) -> float:
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = model.loss(model(images), labels)
    model.zero_grad()
    loss.backward()
    return float(loss.detach())


def _reading() -> Iterator[Path]:
    """Photographs of 500 x 375 pixels: shards of the size that is needed against a folder."""
    folder = File(tempfile.mkdtemp())
    rng = np.random.default_rng(0)
    names = []
    for index in range(IMAGES):
        small = rng.integers(0, 255, (40, 50, 3), np.uint8)
        path = folder / f"{index:03d}.jpg"
        Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC).save(path, quality=90)
        names.append(path)
    records = pd.DataFrame(
        {"image_id": [p.name for p in names], "path": [str(p) for p in names], "label": 0}
    )
    shards = open_shards(write_shards(records, Images(eval_size=224), "test", folder / "shards"))
    yield Path(
        "reading an image, one thread",
        lambda: _from_shards(shards),
        lambda: _from_folder(names),
        close(0.6),  # resized and compressed once more
        1.7,
        units=IMAGES,
        repeats=5,
    )


def _from_shards(shards) -> np.ndarray:
    means = [
        batch.images.mean((1, 2, 3)) for batch in eval_loader(shards, batch_size=16, workers=0)
    ]
    return torch.cat(means).numpy()


def _from_folder(names: list[File]) -> np.ndarray:
    means = []
    for path in names:
        with Image.open(path) as image:
            resized = image.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
        tensor = transforms.to_dtype(transforms.to_image(resized), torch.float32, scale=True)
        tensor = transforms.normalize(tensor, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        means.append(tensor.mean())
    return torch.stack(means).numpy()
