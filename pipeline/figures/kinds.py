"""Kinds of maps: all that one CALM model says about where it looks (the paper's Fig. 3)."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.artefacts.classes import read_titles
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.records import read_records
from pipeline.artefacts.shards import open_shards
from pipeline.artefacts.targets import own_target
from pipeline.figures import pictures
from pipeline.figures.style import MAP_COLOURS, SIGNED_COLOURS, SMALL
from pipeline.settings import Report

_INCH = 1.4  # of a panel
_TITLES = {
    "joint": "attribution\np(y, z|x)",
    "conditional": "conditional\np(y|x, z)",
    "saliency": "saliency\np(z|x)",
    "subset": "subset\nΣ p(y, z|x) over y in Y",
    "counterfactual": "counterfactual\np(y, z|x) − p(y′, z|x)",
    "posterior": "posterior\np(z|x, y)",
}


@dataclass(frozen=True)
class Example:
    """One row of the figure.

    Attributes:
        name: of the image's class y.
        probability: p(y|x), or None where no map of the class tells it.
        other: name of the class y' of the counterfactual, or "" where there is none.
        image: uint8 (S, S, 3).
        maps: kind -> (h, w); signed for the counterfactual, else not negative.
    """

    name: str
    probability: float | None
    other: str
    image: np.ndarray
    maps: dict[str, np.ndarray]


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the inputs of the figure."""
    arguments.add_argument("--shards", required=True, help="manifest.json of the test split")
    arguments.add_argument("--records", required=True, help="records of the test split")
    arguments.add_argument("--classes", required=True, help="classes.csv of the data set")
    arguments.add_argument(
        "--kinds", nargs="+", required=True, choices=_TITLES, help="method of each file of maps"
    )
    arguments.add_argument("--maps", nargs="+", required=True, help="files of maps of one model")
    arguments.add_argument("--title", required=True, help="above the figure")


def draw(given: argparse.Namespace, section: Report) -> Figure:
    """Draw it from the command line's inputs."""
    shards, names = open_shards(given.shards), read_titles(given.classes)
    with ExitStack() as open_files:
        stores = {
            kind: open_files.enter_context(MapStore.open(path))
            for kind, path in zip(given.kinds, given.maps, strict=True)
        }
        chosen = choose_images(
            read_records(given.records),
            stores.get("counterfactual"),
            section.kinds_images,
            section.seed,
        )
        images = pictures.stored_images(shards, list(chosen["image_id"]))
        examples = [
            _example(record, names, images[record.image_id], stores)
            for record in chosen.itertuples()
        ]
    return kinds(examples, given.title)


def choose_images(
    records: pd.DataFrame, counterfactuals: MapStore | None, count: int, seed: int
) -> pd.DataFrame:
    """Images drawn at random, of those whose class has a counterfactual if there are any."""
    if counterfactuals:
        records = records[records["image_id"].isin(set(counterfactuals.image_ids))]
    return pictures.choose_images(records, count, seed)


def likeliest_other(store: MapStore, image_id: str) -> tuple[int, int]:
    """The row of an image's counterfactual against the most probable y', and the label of y'.

    All of an image's rows have the same y, so that the lowest p(y|x) - p(y'|x) has the highest
    p(y'|x).
    """
    rows = np.flatnonzero(store.image_ids == image_id)
    row = int(rows[np.argmin(store.class_probability[rows])])
    return row, int(store.targets[row].partition(">")[2])


def _example(
    record: Any, names: list[str], image: np.ndarray, stores: dict[str, MapStore]
) -> Example:
    maps, probability, other = {}, None, ""
    for kind, store in stores.items():
        if kind == "counterfactual":
            row, label = likeliest_other(store, record.image_id)
            other = names[label]
        else:
            row = store.lookup(record.image_id, own_target(store.kind, record.label))
        if store.kind == "class":
            probability = float(store.class_probability[row])
        maps[kind] = store.maps[row]
    return Example(names[record.label], probability, other, image, maps)


def kinds(examples: Sequence[Example], title: str) -> Figure:
    """The figure: a row an image, a column a kind.

    Each map is scaled to its own maximum, which stands above it: the maxima of kinds differ by
    orders of magnitude.
    """
    shown = list(examples[0].maps)
    figure, axes = pictures.panels(
        len(examples), 1 + len(shown), _INCH, between=0.35, above=0.75, below=0.65
    )
    for (image, *panels), example in zip(axes, examples, strict=True):
        image.imshow(example.image)
        name = example.name
        if example.probability is not None:
            name += f"\np(y|x) {example.probability:.2f}"
        image.set_title(name, fontsize=SMALL, pad=2, loc="left")
        pictures.bare(image)
        for panel, kind in zip(panels, shown, strict=True):
            _map(panel, example, kind)
    for panel, kind in zip(axes[0, 1:], shown, strict=True):
        pictures.heading(panel, _TITLES[kind], line=1)
    pictures.heading(axes[0, 0], title, line=3)
    pictures.colour_bar(figure, ScalarMappable(cmap=MAP_COLOURS), {0: "0", 1: "maximum of the map"})
    if "counterfactual" in shown:
        signed = ScalarMappable(Normalize(-1, 1), SIGNED_COLOURS)
        ticks = {-1: "−max: for y′", 0: "0", 1: "+max: for y"}
        pictures.colour_bar(figure, signed, ticks, left=4)
    return figure


def _map(panel: Axes, example: Example, kind: str) -> None:
    if kind == "counterfactual":
        peak = pictures.show_signed(panel, example.image, example.maps[kind])
        title = f"y′: {example.other}\nmax ±{pictures.number(peak)}"
    else:
        peak = pictures.show_map(panel, example.image, example.maps[kind])
        title = f"max {pictures.number(peak)}"
    panel.set_title(title, fontsize=SMALL, pad=2, loc="left")
