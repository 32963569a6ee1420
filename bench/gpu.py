"""``python -m bench.gpu``: what a GPU makes of the hot paths of a ResNet50 with 28x28 maps.

A training step in bf16 with channels_last, as our trainings do it, and under torch.compile; the
reading of its images; Grad-CAM; Integrated Gradients. A training step is also compared with a large
bf16 matrix product on the same device: its share of what the hardware gives.
On the CPU at a small size, to see that it runs:

    python -m bench.gpu --device cpu --trunk squeezenet1_0 --side 64 --batch 4 --workers 1
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from pipeline.artefacts.shards import open_shards
from pipeline.attribution.query import maps_of
from pipeline.images.loading import train_loader
from pipeline.models.classifier import Classifier, build_classifier
from pipeline.settings import Attribution, Images, Training, TrainJob
from pipeline.sharding.writing import write_shards
from pipeline.training.optimisation import build_optimizer

CLASSES = 200  # of CUB
STEPS = 10  # of Integrated Gradients


def seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median time of a call, after two that are not timed."""
    times = []
    for repeat in range(repeats + 2):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if repeat >= 2:
            times.append(time.perf_counter() - start)
    return float(np.median(times))


def product_rate(device: torch.device, side: int, repeats: int) -> float:
    """Operations per second of a square bf16 matrix product."""
    matrix = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    return 2 * side**3 / seconds(lambda: matrix @ matrix, device, repeats)


def step_of(model: Classifier, images: Tensor, labels: Tensor, compiled: bool) -> Callable:
    """One step of a training: forward, backward, optimiser."""
    optimizer = build_optimizer(model.parameter_groups(model.job.training), model.job.training)
    loss_of = torch.compile(model.training_step) if compiled else model.training_step

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(images.device.type, torch.bfloat16):
            _, loss = loss_of(images, labels)
        loss.backward()
        optimizer.step()

    return step


def reading_rate(images: int, side: int, batch: int, workers: int) -> float:
    """Images per second that the training loader gives, cropped and normalised."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder, paths = Path(name), []
        for index in range(images):
            small = rng.integers(0, 255, (40, 50, 3), np.uint8)
            paths.append(folder / f"{index:05d}.jpg")
            Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC).save(paths[-1])
        records = pd.DataFrame(
            {"image_id": [p.name for p in paths], "path": [str(p) for p in paths], "label": 0}
        )
        section = Images(train_size=side + side // 8)
        shards = open_shards(write_shards(records, section, "train", folder / "shards"))
        loader = train_loader(
            shards, crop=side, flip=True, batch_size=batch, seed=0, epoch=0, workers=workers
        )
        start = time.perf_counter()
        count = sum(len(each.images) for each in loader)
        return count / (time.perf_counter() - start)


def main() -> None:
    """Measure and print the table."""
    arguments = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--trunk", default="resnet50")
    arguments.add_argument("--side", type=int, default=224, help="of an image, pixels")
    arguments.add_argument("--batch", type=int, default=64, help="images per step")
    arguments.add_argument("--workers", type=int, default=8, help="threads that read")
    arguments.add_argument("--product", type=int, default=8192, help="side of the matrices")
    arguments.add_argument("--images", type=int, default=2048, help="that are read")
    arguments.add_argument("--repeats", type=int, default=10, help="timed calls of each")
    given = arguments.parse_args()
    device = torch.device(given.device)
    peak = product_rate(device, given.product, given.repeats)
    print(f"bf16 matrix product: {peak / 1e12:.2f} T/s")

    training = Training(method="calm_em")
    job = TrainJob(trunk=given.trunk, map_size=28, weights="none", seed=0, training=training)
    images = torch.randn(given.batch, 3, given.side, given.side, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(given.batch, device=device) % CLASSES
    model = build_classifier(job, CLASSES).to(device, memory_format=torch.channels_last)
    with FlopCounterMode(display=False) as counter:
        model.eval()(images[:1])
    operations = 3 * counter.get_total_flops()  # backward: twice the forward
    for compiled in (False, True):
        step = step_of(model.train(), images, labels, compiled)
        rate = given.batch / seconds(step, device, given.repeats)
        name = "training step, torch.compile" if compiled else "training step"
        share = rate * operations / peak
        print(f"{name}: {rate:.1f} images/s, {share:.1%} of the matrix product's rate")
    rate = reading_rate(given.images, given.side, given.batch, given.workers)
    print(f"reading, {given.workers} workers: {rate:.0f} images/s")

    model.eval().requires_grad_(False)
    names = [str(row) for row in range(given.batch)]
    classes = [(label,) for label in labels.tolist()]
    options = Attribution.model_validate({"integrated_gradients": {"steps": STEPS}})
    for method in ("gradcam", "integrated_gradients"):
        spent = seconds(
            lambda m=method: maps_of(model, m, images, classes, names, options),
            device,
            max(1, given.repeats // 5),
        )
        print(f"{method}: {given.batch / spent:.2f} images/s")


if __name__ == "__main__":
    main()
