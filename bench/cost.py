"""``python -m bench.cost``: what config/paper.yaml costs, from operations counted and rates given.

Counted are the multiply-adds of the trunks at 224 pixels, three times for a gradient; heads, side
heads and the evaluations on the CPU are left out. docs/cost.md says what is measured and what is
assumed.
"""

import argparse
from collections.abc import Sequence

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline.catalogue.methods import METHODS
from pipeline.models.trunks import build_trunk
from pipeline.study.inputs.maps import TOGETHER
from pipeline.study.jobs import Study
from pipeline.study.loading import load

IMAGES = {  # train, val, test; classes: as in docs/datasets.md
    "cub": (5_994, 0, 5_794, 200),
    "openimages": (29_819, 2_500, 5_000, 100),
    "imagenet": (1_281_167, 10_000, 50_000, 1_000),
}
PAIR_MAPS = {"cub": 11_039}  # maps of the other class of a pair, not counting the own class's
KB_OF_MAP = 3.3  # 28x28 float32 and its share of names and checksums
KB_OF_INPUT_MAP = 100.4  # 224x224 float16
KB_OF_IMAGE = {256: 32.4, 224: 26.2}  # stored, as measured on CUB


def operations(trunk: str, map_size: int) -> float:
    """Operations (two per multiply-add) of one forward pass of one image, in units of 10^9."""
    with torch.device("meta"):
        network, image = build_trunk(trunk, map_size, {}).eval(), torch.empty(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter:
        network(image)
    return counter.get_total_flops() / 1e9


def forwards(study: Study, methods: Sequence[str]) -> float:
    """Forward passes of one image for the maps of some methods, a gradient counted as three."""
    options = study.attribution
    cost = {
        "gradient": 3,
        "integrated_gradients": 3 * options.integrated_gradients.steps,
        "noise": 3 * options.noise.samples,
    }
    jobs = {job_of(method) for method in methods}
    return sum(cost.get(job, 1) for job in jobs)


def job_of(method: str) -> str:
    """The name of the job that computes a method: a group's, or the method's own."""
    module = METHODS[method].module
    return module if module in TOGETHER else method


def stored_by(methods: Sequence[str]) -> list[str]:
    """The methods whose maps are stored where some are asked for: a job stores all of its own."""
    jobs = {job_of(method) for method in methods}
    return [method for method in METHODS if job_of(method) in jobs]


def erased(study: Study, dataset: str, architecture: str, variant: str, seed: int) -> float:
    """Forward passes of one image by which remove-and-classify measures a model."""
    model, section = (dataset, architecture, variant, seed), study.evaluation.of("erase")
    maps = sum(task == "erase" and (*of,) == model for task, *of, _ in study.measurements())
    if not maps:
        return 0
    of_order = len(section.erasers) * len(section.fractions)
    return of_order * (maps * len(section.orders) + section.random_draws)


def costs(study: Study, draws: int, proxy: int) -> pd.DataFrame:
    """One row per (data set, architecture): models, and 10^18 operations of each stage."""
    forward = {
        name: operations(trunk.trunk, trunk.map_size) / 1e9  # 10^18
        for name, trunk in study.architectures.items()
    }
    rows: dict[str, dict[str, float]] = {}
    for dataset, architecture, variant, seed in study.models():
        train, val, test, classes = IMAGES[dataset]
        one = forward[architecture]
        epochs = study.training_of(dataset, variant).epochs
        methods = study.methods_of(dataset, architecture, variant)
        maps = [m for m in methods if m != "counterfactual" or dataset in PAIR_MAPS]
        columns = ("models", "train", "maps", "erase", "search", "GB of maps")
        empty = dict.fromkeys(columns, 0.0)
        row = rows.setdefault(f"{dataset}, {architecture}", empty)
        row["models"] += 1
        row["train"] += one * epochs * (3 * train + val)  # backward: twice the forward
        row["maps"] += one * test * (1 + forwards(study, maps))  # and the accuracy
        row["erase"] += one * test * erased(study, dataset, architecture, variant, seed)
        seeds = len(study.datasets[dataset].seeds or study.seeds)
        searched = min(train, proxy * classes)
        row["search"] += one * draws / seeds * (epochs * (3 * searched + val) + val)
        for method in stored_by(maps):
            if METHODS[method].targets == "counterfactual" and dataset not in PAIR_MAPS:
                continue
            of_pairs = METHODS[method].targets in ("class", "counterfactual")
            stored = test + (PAIR_MAPS.get(dataset, 0) if of_pairs else 0)
            size = KB_OF_INPUT_MAP if METHODS[method].at_input else KB_OF_MAP
            row["GB of maps"] += size * stored / 1e6
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.loc["all"] = table.sum()
    return table


def main() -> None:
    """Print the table in operations and in hours."""
    arguments = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    arguments.add_argument("--config", default="config/paper.yaml")
    arguments.add_argument("--rate", type=float, default=50, help="10^12 operations per second")
    arguments.add_argument("--draws", type=int, default=30, help="of a search of every model")
    arguments.add_argument("--proxy", type=int, default=128, help="images per class in a draw")
    given = arguments.parse_args()
    table = costs(load(given.config), given.draws, given.proxy)
    for stage in ("train", "maps", "erase", "search"):
        table[f"{stage}, h"] = table[stage] * 1e18 / (given.rate * 1e12) / 3600
    print(table.round(2).to_string())
    stored = sum(
        KB_OF_IMAGE[256] * train + KB_OF_IMAGE[224] * (val + test)
        for train, val, test, _ in IMAGES.values()
    )
    print(f"shards: {stored / 1e6:.0f} GB")


if __name__ == "__main__":
    main()
