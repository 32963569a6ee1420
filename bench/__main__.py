"""``python -m bench [NAME ...]``: time the hot paths and print the table.

With --out FOLDER also as performance.csv and as a bar chart. `peers`, the libraries that one would
take instead, needs the extra `bench`; without it, leave it out by naming the others.
"""

import argparse
import importlib
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch

from bench.chart import draw
from bench.harness import measure

MODULES = (
    "boxes",
    "pxap",
    "cue_masks",
    "cue_evaluation",
    "em_loss",
    "erasing",
    "gradients",
    "training",
    "depthwise",
    "freed_memory",
    "peers",
)


def main() -> None:
    """Measure the named modules, or all."""
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MODULES))
    arguments.add_argument("--out", type=Path, help="folder for the CSV file and the chart")
    arguments.add_argument("--threads", type=int, default=1, help="of PyTorch, for both ways")
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    rows = []
    for name in given.names or MODULES:
        for path in importlib.import_module(f"bench.{name}").paths():
            rows.append(asdict(measure(path)))
            print(
                "{name:42s} ours {ours_ms:9.3f} ms   plain {plain_ms:9.3f} ms   "
                "{ratio:7.1f}x   target {target:g}x".format(**rows[-1]),
                flush=True,
            )
    if given.out:
        table = pd.DataFrame(rows)
        table.round(4).to_csv(given.out / "performance.csv", index=False)
        draw(table, given.out / "performance.png")
        draw(table, given.out / "performance.svg")


if __name__ == "__main__":
    main()
