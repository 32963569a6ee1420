"""Kinds of maps: all that one CALM model says about where it looks (the paper's Fig. 3)."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
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
from pipeline.figures.arguments import add_images, add_named, add_title
from pipeline.figures.style import MAP_COLOURS, SIGNED_COLOURS, SMALL
from pipeline.settings import Report

_INCH = 1.4  # of a panel
_TITLES = {
    "joint": "joint\np(y, z|x)",
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
        probability: p(y|x), or None where no map of the class has it.
        other: name of the class y' of the counterfactual, or "" where there is none.
        image: uint8 (S, S, 3).
        maps: kind -> (h, w); signed for the counterfactual, else not negative.
    """

    name: str
    probability: float | None
    other: str
    image: np.ndarray
    maps: dict[str, np.ndarray]


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    add_images(arguments)
    add_named(
        arguments,
        "kinds",
        "method of each file of maps",
        choices=tuple(_TITLES),
        maps="files of maps of one model",
    )
    add_title(arguments)


def draw(
    shards: Path,
    records: Path,
    classes: Path,
    maps: Mapping[str, Path],
    title: str,
    section: Report,
) -> Figure:
    """Draw the kinds of maps of one model.

    Args:
        shards: manifest.json of the test split.
        records: of the test split.
        classes: classes.csv of the data set.
        maps: kind, one of the methods of CALM -> file of its maps.
        title: above the figure.
        section: which images, and how many.

    Raises:
        UserError: a file cannot be read or belongs to other data.
    """
    names = read_titles(classes)
    with pictures.open_stores(maps) as stores:
        chosen = choose_images(
            read_records(records), stores.get("counterfactual"), section.kinds_images, section.seed
        )
        images = pictures.stored_images(open_shards(shards), list(chosen["image_id"]))
        examples = [
            _example(record, names, images[record.image_id], stores)
            for record in chosen.itertuples()
        ]
    return kinds(examples, title)


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
    record: Any, names: list[str], image: np.ndarray, stores: Mapping[str, MapStore]
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
    """The figure: one row per image, one column per kind.

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
