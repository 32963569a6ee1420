"""Counterfactual maps: where each variant sees class A instead of class B, and the cue mask."""

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
from pipeline.artefacts.pairs import read_pairs
from pipeline.artefacts.part_maps import PARTS, PartMaps, part_table
from pipeline.artefacts.records import read_records
from pipeline.artefacts.shards import open_shards
from pipeline.artefacts.targets import class_target, counterfactual_target
from pipeline.figures import pictures
from pipeline.figures.arguments import add_images, add_maps, add_title
from pipeline.figures.style import SIGNED_COLOURS, SMALL
from pipeline.runtime.errors import UserError
from pipeline.settings import Report

_INCH = 1.25  # of a panel


@dataclass(frozen=True)
class Example:
    """One row of the figure: an image of class A, which is contrasted with class B.

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


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    add_images(arguments)
    arguments.add_argument("--pairs", type=Path, required=True, help="class pairs, .csv")
    arguments.add_argument("--part-maps", type=Path, required=True, help="part maps, .h5")
    add_maps(arguments)
    add_title(arguments)


def draw(
    shards: Path,
    records: Path,
    classes: Path,
    pairs: Path,
    part_maps: Path,
    maps: Mapping[str, Path],
    title: str,
    section: Report,
) -> Figure:
    """Draw counterfactual maps of some class pairs.

    Args:
        shards: manifest.json of the test split.
        records: of the test split.
        classes: classes.csv of the data set.
        pairs: pairs.csv of the data set.
        part_maps: file of its part maps.
        maps: "variant/method" -> file of its maps.
        title: above the figure.
        section: which pairs, and how many.

    Raises:
        UserError: a file cannot be read or belongs to other data, or no chosen pair has an image
            with a visible cue.
    """
    parts = PartMaps.load(part_maps)
    table, name_of = read_records(records), read_titles(classes)
    chosen = [
        (pair, image)
        for pair in pictures.choose_pairs(
            read_pairs(pairs), section.gallery_pairs, section.seed
        ).itertuples()
        if (image := choose_image(pair, table, parts, section.seed))
    ]
    if not chosen:
        raise UserError(
            "No chosen class pair has an image with a visible cue: raise gallery_pairs."
        )
    images = pictures.stored_images(open_shards(shards), [image for _, image in chosen])
    row_of = {image_id: row for row, image_id in enumerate(parts.image_ids)}
    with pictures.open_stores(maps) as stores:
        examples = [
            _example(pair, images[image], parts.labels[row_of[image]], name_of, stores, image)
            for pair, image in chosen
        ]
    return counterfactual(examples, title)


def _example(
    pair: Any,
    image: np.ndarray,
    labels: np.ndarray,
    name_of: Sequence[str],
    stores: Mapping[str, MapStore],
    image_id: str,
) -> Example:
    parts = ", ".join(PARTS[part] for part in pair.parts)
    return Example(
        title=f"{name_of[pair.label_a]}\nnot {name_of[pair.label_b]}\n({parts})",
        image=image,
        cue=part_table(pair.parts)[labels],
        bird=labels > 0,
        maps={
            name: difference(store, image_id, pair.label_a, pair.label_b)
            for name, store in stores.items()
        },
    )


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
