"""``python -m bench.imagenet_size FOLDER``: a tenth of ImageNet's test images through the stages.

Photograph-sized images are drawn, five for each of a thousand classes, and go through the commands
that a study runs: shards, the maps of one model (CALM on SqueezeNet, 27x27, not trained: time does
not depend on the weights), boxes, and remove-and-classify of a part of the images, as each of them
costs 46 forward passes. Each command is a process of its own, run with fewer images and with all:
the rate, per second of one core, is that of the images in between, without start-up; and memory
must not grow with them.
"""

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

from pipeline.artefacts.files import canonical_json
from pipeline.artefacts.records import write_records
from pipeline.models.classifier import build_classifier, save_model
from pipeline.settings import Training, TrainJob

CLASSES, SIDE = 1000, 224
WIDTH, HEIGHT = 500, 375  # the commonest size in ImageNet
METHODS = ("joint", "posterior", "conditional", "saliency")  # from one pass of each image
ERASED = 100  # one image in so many is erased
IDENTITY = canonical_json(
    {"dataset": "drawn", "architecture": "squeezenet", "variant": "calm", "seed": 0}
    | {"method": "joint"}
)
# Runs a module and prints the process's peak, which its parent cannot ask for: what it would be
# given counts the parent's own (`bench.memory`).
_RUN = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
status = open("/proc/self/status").read()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@dataclass(frozen=True)
class Step:
    """A command of one stage.

    Attributes:
        images: that it goes through.
        arguments: module and options.
        files: what it writes: files and folders.
    """

    images: int
    arguments: tuple[str, ...]
    files: tuple[Path, ...]


def main() -> None:
    """Draw, run, print the table and write it as imagenet_size.csv."""
    arguments = argparse.ArgumentParser(prog="python -m bench.imagenet_size", description=__doc__)
    arguments.add_argument("folder", type=Path, help="for its files, 1.5 GB for 5 000 images")
    arguments.add_argument("--images", type=int, nargs=2, default=(500, 5_000), metavar="N")
    given = arguments.parse_args()
    torch.manual_seed(0)
    job = TrainJob(trunk="squeezenet1_0", weights="none", seed=0,
                   training=Training(method="calm_em"))  # fmt: skip
    weights = given.folder / "weights.safetensors"
    save_model(build_classifier(job, CLASSES), weights, {})
    found: dict[str, list[dict[str, float]]] = {}
    for images in given.images:
        folder = given.folder / str(images)
        draw(folder, images)
        for name, step in steps(folder, images, weights).items():
            found.setdefault(name, []).append(measured(step))
            print(images, name, found[name][-1], flush=True)
    table = pd.DataFrame({name: compared(*both) for name, both in found.items()}).T
    table.to_csv(given.folder / "imagenet_size.csv", index_label="stage")
    print(table.round(1).to_string())


def draw(folder: Path, images: int) -> None:
    """JPEG images of blurred noise with a sharper patch, and their records with its box."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(images):
        picture = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (WIDTH, HEIGHT))
        left, top = rng.integers(0, WIDTH // 2), rng.integers(0, HEIGHT // 2)
        right, bottom = left + WIDTH // 3, top + HEIGHT // 3
        shape = (HEIGHT // 24, WIDTH // 24, 3)
        patch = cv2.resize(
            rng.integers(0, 256, shape, np.uint8), (int(right - left), int(bottom - top))
        )
        picture[top:bottom, left:right] = patch
        picture = cv2.add(picture, rng.integers(0, 16, picture.shape, np.uint8))
        label = number * CLASSES // images
        path = folder / "images" / f"{label:04d}_{number:05d}.jpg"
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
        boxes = [float(edge) for edge in (left, top, right, bottom)]
        rows.append((path.name, str(path), label + 1, label, boxes))
    records = pd.DataFrame(rows, columns=["image_id", "path", "class_id", "label", "boxes"])
    records = records.assign(
        width=WIDTH, height=HEIGHT, segmentation="", true_parts="", ignore="",
        masks=[[]] * images, keypoints=[[]] * images,
    )  # fmt: skip
    write_records(folder / "records.parquet", records)


def steps(folder: Path, images: int, weights: Path) -> dict[str, Step]:
    """The commands of the stages, in order."""
    records, shards = str(folder / "records.parquet"), folder / "shards"
    machine = ("--workers", "0", "--threads", "1", "--gpus", "0")
    model = ("--weights", str(weights), "--shards", str(shards / "manifest.json"),
             "--records", records)  # fmt: skip
    maps = tuple(folder / f"{method}.h5" for method in METHODS)
    some = images // ERASED
    section = ("--section", json.dumps({"images": some}))
    base = folder / "base.json"

    def score(name: str) -> tuple[Path, ...]:
        return (folder / f"{name}.json", folder / f"{name}.npz")

    def out(name: str) -> tuple[str, ...]:
        return ("--identity", IDENTITY, "--out", str(folder / f"{name}.json"))

    return {
        "shards": Step(
            images,
            ("pipeline.sharding", "--section", "{}", "--records", records, "--split", "test",
             "--out", str(shards), "--workers", "1"),
            (shards,),
        ),
        "maps": Step(
            images,
            ("pipeline.attribution", "--section", "{}", "--method", *METHODS, *model, "--out",
             *map(str, maps), *machine),
            maps,
        ),
        "boxes": Step(
            images,
            ("pipeline.evaluation.localisation.wsol", "--section", "{}", "--maps", str(maps[0]),
             "--records", records, "--size", str(SIDE), *out("boxes")),
            score("boxes"),
        ),
        "erasing at random": Step(
            some,
            ("pipeline.evaluation", "erase_random", *section, *model, *out("base"), *machine),
            score("base"),
        ),
        "erasing by a map": Step(
            some,
            ("pipeline.evaluation", "erase", *section, *model, "--maps", str(maps[0]),
             "--base", str(base), *out("erasing"), *machine),
            score("erasing"),
        ),
    }  # fmt: skip


def measured(step: Step) -> dict[str, float]:
    """CPU seconds, bytes written and peak resident set (MiB) of a command."""
    before = _cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *step.arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return {
        "images": step.images,
        "seconds": _cpu_seconds() - before,
        "bytes": sum(size_of(file) for file in step.files),
        "MiB": int(done.stdout.split()[-1]) / 1024,
    }


def _cpu_seconds() -> float:
    """Of the commands that have ended: what they take of one core, whatever else runs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def size_of(path: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    return sum(map(size_of, path.iterdir())) if path.is_dir() else path.stat().st_size


def compared(few: dict[str, float], many: dict[str, float]) -> dict[str, float]:
    """A row of the table: images/s and bytes per image between the two sizes, and their peaks."""
    images = many["images"] - few["images"]
    return {
        "images": many["images"],
        "seconds": many["seconds"],
        "images_per_second": images / (many["seconds"] - few["seconds"]),
        "bytes_per_image": (many["bytes"] - few["bytes"]) / images,
        "mib_few": few["MiB"],
        "mib_many": many["MiB"],
    }


if __name__ == "__main__":
    main()
