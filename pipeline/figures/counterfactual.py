"""Counterfactual maps: where each variant sees class A instead of class B, and the cue mask."""

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
from pipeline.artefacts.pairs import read_pairs
from pipeline.artefacts.part_maps import PARTS, PartMaps, part_table
from pipeline.artefacts.records import read_records
from pipeline.artefacts.shards import open_shards
from pipeline.artefacts.targets import class_target, counterfactual_target
from pipeline.figures import pictures
from pipeline.figures.style import SIGNED_COLOURS, SMALL
from pipeline.runtime.errors import UserError
from pipeline.settings import Report

_INCH = 1.25  # of a panel


@dataclass(frozen=True)
class Example:
    """One row of the figure: an image of class A, which is told from class B.

    Attributes:
        title: classes and differing parts.
        image: uint8 (S, S, 3).
        cue: bool (S, S), the cue mask.
        bird: bool (S, S), the foreground.
        maps: "variant/method" -> s_A - s_B (h, w), signed.
    """

    title: str
    image: np.ndarray
    cue: np.ndarray
    bird: np.ndarray
    maps: dict[str, np.ndarray]


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the inputs of the figure."""
    arguments.add_argument("--shards", required=True, help="manifest.json of the test split")
    arguments.add_argument("--records", required=True, help="records of the test split")
    arguments.add_argument("--classes", required=True, help="classes.csv of the data set")
    arguments.add_argument("--pairs", required=True, help="class pairs, .csv")
    arguments.add_argument("--part-maps", required=True, help="part maps, .h5")
    arguments.add_argument("--names", nargs="+", required=True, help="VARIANT/METHOD of each map")
    arguments.add_argument("--maps", nargs="+", required=True, help="files of maps")
    arguments.add_argument("--title", required=True, help="above the figure")


def draw(given: argparse.Namespace, section: Report) -> Figure:
    """Draw it from the command line's inputs."""
    shards, part_maps = open_shards(given.shards), PartMaps.load(given.part_maps)
    records, name_of = read_records(given.records), read_titles(given.classes)
    chosen = [
        (pair, image)
        for pair in pictures.choose_pairs(
            read_pairs(given.pairs), section.gallery_pairs, section.seed
        ).itertuples()
        if (image := choose_image(pair, records, part_maps, section.seed))
    ]
    if not chosen:
        raise UserError(
            "No chosen class pair has an image with a visible cue: raise gallery_pairs."
        )
    images = pictures.stored_images(shards, [image for _, image in chosen])
    row_of = {image_id: row for row, image_id in enumerate(part_maps.image_ids)}
    with ExitStack() as open_files:
        stores = {
            name: open_files.enter_context(MapStore.open(path))
            for name, path in zip(given.names, given.maps, strict=True)
        }
        examples = []
        for pair, image in chosen:
            labels = part_maps.labels[row_of[image]]
            parts = ", ".join(PARTS[part] for part in pair.parts)
            examples.append(
                Example(
                    title=f"{name_of[pair.label_a]}\nnot {name_of[pair.label_b]}\n({parts})",
                    image=images[image],
                    cue=part_table(pair.parts)[labels],
                    bird=labels > 0,
                    maps={
                        name: difference(store, image, pair.label_a, pair.label_b)
                        for name, store in stores.items()
                    },
                )
            )
    return counterfactual(examples, given.title)


def choose_image(pair: Any, records: pd.DataFrame, part_maps: PartMaps, seed: int) -> str | None:
    """An image of the pair's class A, at random of those in which a differing part is visible."""
    of_class = set(records.loc[records["label"] == pair.label_a, "image_id"])
    shown = np.any(part_maps.visible[:, np.array(pair.parts) - 1], axis=1)
    usable = [
        image_id
        for image_id, visible in zip(part_maps.image_ids, shown, strict=True)
        if visible and image_id in of_class
    ]
    if not usable:
        return None
    return str(np.random.default_rng([seed, pair.class_a, pair.class_b]).choice(usable))


def difference(store: MapStore, image_id: str, label: int, other: int) -> np.ndarray:
    """s_A - s_B (h, w): stored, or the difference of two stored maps."""
    if store.kind == "counterfactual":
        return store.maps[store.lookup(image_id, counterfactual_target(label, other))]
    first, second = (store.maps[store.lookup(image_id, class_target(y))] for y in (label, other))
    return first - second


def counterfactual(examples: Sequence[Example], title: str) -> Figure:
    """The figure: red where the map is for A, blue where it is for B, white at zero.

    Each map is scaled to its own largest absolute value, which stands above it.
    """
    names = list(examples[0].maps)
    figure, axes = pictures.panels(
        len(examples), 2 + len(names), _INCH, between=0.2, above=0.75, below=0.6
    )
    for row, example in zip(axes, examples, strict=True):
        row[0].imshow(example.image)
        row[0].set_ylabel(example.title, fontsize=SMALL, rotation=0, ha="right", va="center")
        mask = np.where(example.cue, 0.0, np.where(example.bird, 0.85, 1.0))
        row[1].imshow(mask, "gray", vmin=0, vmax=1)
        for panel, name in zip(row[2:], names, strict=True):
            _map(panel, example, name)
        for panel in row:
            pictures.bare(panel)
    pictures.heading(axes[0, 0], "image of class A")
    pictures.heading(axes[0, 1], "cue mask")
    pictures.headings(axes[0, 2:], names)
    pictures.heading(axes[0, 0], title, line=2)
    scale = ScalarMappable(Normalize(-1, 1), SIGNED_COLOURS)
    pictures.colour_bar(figure, scale, {-1: "−max: for B", 0: "0", 1: "+max: for A"})
    return figure


def _map(panel: Axes, example: Example, name: str) -> None:
    signed = pictures.enlarge(example.maps[name], len(example.image))
    peak = float(np.abs(signed).max())
    panel.imshow(signed / (peak or 1), SIGNED_COLOURS, vmin=-1, vmax=1)
    pictures.outline(panel, example.bird, "#999999", 0.5)
    pictures.outline(panel, example.cue, "black", 0.9)
    panel.set_title(f"±{pictures.number(peak)}", fontsize=SMALL, pad=2)
