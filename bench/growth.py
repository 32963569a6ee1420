"""``python -m bench.growth FOLDER``: how cost grows with images, classes and the size of maps.

Writes growth.csv and growth.png: seconds against size, both on log axes, where a line of slope one
is linear growth. Memory against the number of images: `bench.memory`.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from pipeline import calm
from pipeline.cues.part_maps import cue_mask, part_map
from pipeline.evaluation.erasing.erasing import masks_of
from pipeline.evaluation.erasing.relevance import relevance_ranks
from pipeline.evaluation.localisation.boxes import MaxBoxAccuracy
from pipeline.evaluation.pxap import PixelAveragePrecision

Cost = Callable[[int, int], object]  # (images, map side)
SIDE, IMAGES = 224, 64


def main() -> None:
    """Time, write, draw."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    costs = {
        "MaxBoxAccV2": boxes,
        "PxAP, exact": pxap,
        "part map and 7 cue masks": cue_masks,
        "erase masks, 9 fractions": erase_masks,
    }
    rows = []
    for name, cost in costs.items():
        rows += [_row(name, "images", n, lambda c=cost, n=n: c(n, SIDE)) for n in (64, 256, 1024)]
        rows += [
            _row(name, "pixels of a map", side**2, lambda c=cost, s=side: c(IMAGES, s))
            for side in (112, 224, 448)
        ]
    rows += [_row("EM loss", "classes", n, lambda n=n: em_loss(16, n)) for n in (50, 200, 1000)]
    rows += [_row("EM loss", "images", n, lambda n=n: em_loss(n, 200)) for n in (4, 16, 64)]
    table = pd.DataFrame(rows)
    table.round(5).to_csv(folder / "growth.csv", index=False)
    print(table.round(4).to_string(index=False))
    draw(table, folder / "growth.png")


def _row(name: str, of: str, size: int, call: Callable[[], object]) -> dict[str, object]:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return {"path": name, "of": of, "size": size, "seconds": float(np.median(seconds))}


def _maps(side: int) -> list[np.ndarray]:
    """Four smooth maps in [0, 1], float32 (side, side), enlarged as attribution maps are."""
    rng = np.random.default_rng(0)
    return [cv2.resize(rng.random((14, 14), np.float32), (side, side)) for _ in range(4)]


def boxes(images: int, side: int) -> object:
    metric, box, maps = MaxBoxAccuracy(), np.array([[10, 10, side // 2, side // 2]]), _maps(side)
    for image in range(images):
        metric.update(maps[image % 4], box)
    return metric.compute()


def pxap(images: int, side: int) -> object:
    metric, maps = PixelAveragePrecision(), _maps(side)
    mask = maps[0] > 0.7
    for image in range(images):
        metric.update(maps[image % 4] * np.float32(1 - image / 1e6), mask)  # all scores differ
    return metric.compute()


def cue_masks(images: int, side: int) -> object:
    rng = np.random.default_rng(0)
    masks = None
    for _ in range(images):
        points = np.column_stack([rng.uniform(0, 500, (15, 2)), np.ones(15)])
        parts = part_map(points, (500, 500), (side, side))
        masks = [cue_mask(parts, (part,), range(1, 8)) for part in range(1, 8)]
    return masks


def erase_masks(images: int, side: int) -> object:
    fractions, maps, masks = np.arange(1, 10) / 10, _maps(side), None
    for image in range(images):
        masks = masks_of(relevance_ranks(maps[image % 4], image), fractions.tolist(), "most")
    return masks


def em_loss(images: int, classes: int) -> object:
    generator = torch.Generator().manual_seed(0)
    g = torch.randn((images, classes, 28, 28), generator=generator, requires_grad=True)
    h = torch.randn((images, 1, 28, 28), generator=generator)
    loss = calm.em_loss(calm.log_joint(g, h), torch.arange(images) % classes)
    return torch.autograd.grad(loss, g)


def draw(table: pd.DataFrame, path: Path) -> None:
    """One panel for each thing that grows."""
    figure, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", sharey=True)
    for axes, (of, rows) in zip(panels, table.groupby("of", sort=False), strict=True):
        for name, line in rows.groupby("path", sort=False):
            axes.loglog(line["size"], line["seconds"], "o-", label=name)
        sizes = np.array([rows["size"].min(), rows["size"].max()])
        axes.loglog(sizes, 0.005 * sizes / sizes[0], "k:", lw=1, label="slope 1")
        ticks = sorted(set(rows["size"]))
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel(of)
        axes.legend(frameon=False, fontsize=8)
    panels[0].set_ylabel("seconds")
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
