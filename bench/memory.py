"""``python -m bench.memory``: peak memory of what reads or writes all maps of a split.

Each step runs in a process of its own for every number of images; the table has its largest
resident set, above that of its imports, and its CPU time. (The former is Linux's ``VmHWM``:
``ru_maxrss`` would count the parent's too.)
Maps are 28x28, a blob on noise; images and the square that maps are enlarged to are small, so that
50 000 of them are measured in minutes: what a step keeps of an image does not depend on their size.
The files are made by the steps' own writers.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.part_maps import PartMaps
from pipeline.artefacts.records import write_records
from pipeline.artefacts.scores import per_image_path, write_arrays, write_score
from pipeline.artefacts.shards import open_shards
from pipeline.attribution.join import join
from pipeline.evaluation.cues import cue_localization
from pipeline.evaluation.erasing import erase, erase_random
from pipeline.evaluation.localisation import wsol
from pipeline.evaluation.subject import Subject
from pipeline.settings import Attribution, Erase, Images
from pipeline.sharding.writing import write_shards

NUMBERS = (1_000, 10_000, 50_000)
MAP = 28
SIDE = 32  # of images and enlarged maps, pixels
CLASS = 20  # images per class; classes 2 k and 2 k + 1 are a pair
CHUNKS = 10
BLOCK = 64
BOOTSTRAP = '{"bootstrap": {"replicates": 100}}'
IDENTITY = {
    "dataset": "random", "architecture": "none", "variant": "none", "seed": 0, "method": "cam",
}  # fmt: skip


def _store(folder: Path, images: int) -> None:
    """Write each image's maps of both classes of its pair: 2 N rows."""
    _write(folder / "maps.h5", range(images))


def _write(path: Path, images: range) -> None:
    rows = []
    for image in images:
        label = image // CLASS
        rows += [(_name(image), str(label)), (_name(image), str(label ^ 1))]
    with MapStore.create(
        path,
        rows=rows,
        shape=(MAP, MAP),
        method="cam",
        targets="class",
        units="none",
        attributes={"forwards": len(images)},
    ) as writer:
        rng = np.random.default_rng(images.start)
        for start in range(0, len(rows), BLOCK):
            count = min(BLOCK, len(rows) - start)
            writer.write(start, _blobs(rng, count), rng.random(count))


def _blobs(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, 28, 28) float32: a Gaussian somewhere, on noise, so that all scores differ."""
    offset = np.arange(MAP) - rng.uniform(0, MAP, (2, count, 1))  # (2, count, 28)
    down, across = np.exp(-((offset / 6) ** 2))
    noise = rng.random((count, MAP, MAP), np.float32)
    return (down[:, :, None] * across[:, None, :] + 0.1 * noise).astype(np.float32)


def _joined(folder: Path, images: int) -> None:
    """Join the maps of the chunks that are there."""
    join([folder / f"chunk{number}.h5" for number in range(CHUNKS)], folder / "joined.h5")


def _wsol(folder: Path, images: int) -> None:
    """MaxBoxAccV2 of the joined file."""
    wsol.run(
        ["--section", BOOTSTRAP, "--maps", str(folder / "joined.h5"), "--size", str(SIDE),
         "--records", str(folder / "records.parquet"), "--identity", json.dumps(IDENTITY),
         "--out", str(folder / "wsol.json")]
    )  # fmt: skip


def _cues(folder: Path, images: int) -> None:
    """Exact average precision of every pair of classes."""
    cue_localization.run(
        ["--section", BOOTSTRAP, "--maps", str(folder / "maps.h5"),
         "--pairs", str(folder / "pairs.csv"), "--part-maps", str(folder / "part_maps.h5"),
         "--records", str(folder / "records.parquet"), "--identity", json.dumps(IDENTITY),
         "--out", str(folder / "cues.json")]
    )  # fmt: skip


class _Brightness(torch.nn.Module):
    """A classifier by mean brightness, so that what is measured is not the network."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(1, 2, 3), keepdim=True) * torch.linspace(-1, 1, 50)[:, None, None]

    def log_probs(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.flatten(2).mean(dim=2).log_softmax(dim=1)


def _erase(folder: Path, images: int) -> None:
    """Remove-and-classify: half of each image erased, at random and by its map."""
    section = Erase(erasers=("zero",), fractions=(0.5,), orders=("most",), random_draws=1)
    base = folder / "base.json"
    records = pd.read_parquet(folder / "records.parquet")
    shards = open_shards(folder / "shards" / "manifest.json")
    with MapStore.open(folder / "maps.h5") as store:
        for task, maps in ((erase_random, None), (erase, store)):
            subject = Subject(
                _Brightness(), "cam", Attribution(), shards, records, maps, torch.device("cpu"),
                base=base if maps else None, workers=0,
            )  # fmt: skip
            found = task.measure(subject, section)
            write_arrays(per_image_path(base), found.arrays)
            write_score(
                base,
                task="erase" if maps else "erase_random",
                identity=IDENTITY,
                values=found.values,
                intervals=found.intervals,
                details=found.details,
                provenance={},
            )


STEPS: dict[str, Callable[[Path, int], None]] = {
    "write maps": _store,
    "join chunks": _joined,
    "wsol": _wsol,
    "cues": _cues,
    "erase": _erase,
}


def _prepare(folder: Path, images: int) -> None:
    """What the steps read, except the maps."""
    rng = np.random.default_rng(0)
    for number in range(CHUNKS):
        of_chunk = range(number * images // CHUNKS, (number + 1) * images // CHUNKS)
        _write(folder / f"chunk{number}.h5", of_chunk)
    records = pd.DataFrame({"image_id": [_name(image) for image in range(images)]})
    labels = np.arange(images) // CLASS
    corner = rng.uniform(0, SIDE / 2, (images, 2))
    records = records.assign(
        path=str(folder / "grey.png"), class_id=labels + 1, label=labels, width=SIDE, height=SIDE,
        boxes=list(np.hstack([corner, corner + SIDE / 2])), segmentation="", true_parts="",
        ignore="", masks=[[]] * images, keypoints=[[]] * images,
    )  # fmt: skip
    write_records(folder / "records.parquet", records)
    Image.new("RGB", (SIDE, SIDE), (120, 110, 90)).save(folder / "grey.png")
    write_shards(records, Images(eval_size=SIDE), "test", folder / "shards")
    parts = rng.integers(0, 8, (images, SIDE, SIDE), np.uint8)
    ids = list(records["image_id"])
    PartMaps(ids, parts, np.ones((images, 7), bool), None, {}).save(folder / "part_maps.h5")
    first = np.arange(0, labels[-1], 2)
    pairs = {"class_a": first + 1, "class_b": first + 2, "label_a": first, "label_b": first + 1}
    pd.DataFrame(pairs | {"parts": "1", "n_parts": 1}).to_csv(folder / "pairs.csv", index=False)


def _name(image: int) -> str:
    return f"{image // CLASS:05d}/image_{image:06d}.jpg"


def _child(step: str, folder: Path, images: int, pipe: Connection) -> None:
    """Run a step (none for 0 images) and send its peak (MiB) and CPU time (s)."""
    torch.set_num_threads(1)
    if images:
        STEPS[step](folder, images)
    used = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))  # kB
    pipe.send((int(peak.split()[1]) / 1024, used.ru_utime + used.ru_stime))


def _measure(step: str, folder: Path, images: int) -> tuple[float, float]:
    """Peak resident set (MiB) and CPU seconds of a step in a fresh process."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(step, folder, images, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()


def main() -> None:
    """Print the table in Markdown."""
    arguments = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    arguments.add_argument("--images", type=int, nargs="+", default=NUMBERS, metavar="N")
    arguments.add_argument("--folder", help="where to put the files, up to 1 GB (default: /tmp)")
    given = arguments.parse_args()
    imports = _measure("wsol", Path(), 0)[0]
    found: dict[str, list[tuple[float, float]]] = {step: [] for step in STEPS}
    for images in given.images:
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            _prepare(Path(name), images)
            for step, measured in found.items():
                peak, seconds = _measure(step, Path(name), images)
                measured.append((peak - imports, seconds))
                print(images, step, *(round(value, 1) for value in measured[-1]), flush=True)
    heads = " | ".join(f"{images:,} images" for images in given.images)
    print(f"\nMiB above the {imports:.0f} MiB of the imports (CPU s):\n\n| | {heads} |")
    print("|---|" + "---:|" * len(given.images))
    for step, measured in found.items():
        cells = [f"{peak:.0f} ({seconds:.0f})" for peak, seconds in measured]
        print(f"| {step} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
