"""Gallery: test images, and over them the maps of their true class by every variant."""

import argparse
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from pipeline.attribution.activation import METHODS
from pipeline.attribution.plan import PRIOR, class_target, superset_target
from pipeline.attribution.store import MapStore
from pipeline.cue_parts import PARTS
from pipeline.datasets.records import read_records
from pipeline.figures import pictures
from pipeline.figures.style import MAP_COLOURS
from pipeline.geometry import RESIZES, stored_part
from pipeline.loading import open_shards
from pipeline.part_maps import PartMaps
from pipeline.settings import Report

_TARGETS = {
    "class": class_target,
    "superset": superset_target,
    "prior": lambda label: PRIOR,
}
_INCH = 1.15  # of a panel


@dataclass(frozen=True)
class Example:
    """One row of the gallery.

    Attributes:
        name: of the class.
        image: uint8 (S, S, 3).
        boxes: (K, 4) x0, y0, x1, y1, on the image.
        parts: label map (S, S), or None.
        maps: "variant/method" -> (h, w), any real numbers.
        probabilities: variant -> p(y|x) of the true class, where it is known.
    """

    name: str
    image: np.ndarray
    boxes: np.ndarray
    parts: np.ndarray | None
    maps: dict[str, np.ndarray]
    probabilities: dict[str, float]


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the inputs of the figure."""
    arguments.add_argument("--shards", required=True, help="manifest.json of the test split")
    arguments.add_argument("--records", required=True, help="records of the test split")
    arguments.add_argument(
        "--resize", choices=RESIZES, default="square", help="images.resize of the shards"
    )
    arguments.add_argument("--part-maps", nargs="?", help="part maps, where there are any")
    arguments.add_argument("--names", nargs="+", required=True, help="VARIANT/METHOD of each map")
    arguments.add_argument("--maps", nargs="+", required=True, help="files of maps")
    arguments.add_argument("--title", required=True, help="above the figure")


def draw(given: argparse.Namespace, section: Report) -> Figure:
    """Draw it from the command line's inputs."""
    shards = open_shards(given.shards)
    chosen = pictures.choose_images(
        read_records(given.records), section.gallery_images, section.seed
    )
    images = pictures.stored_images(shards, list(chosen["image_id"]))
    parts = {}
    if given.part_maps:
        part_maps = PartMaps.load(given.part_maps)
        parts = dict(zip(part_maps.image_ids, part_maps.labels, strict=True))
    with ExitStack() as open_files:
        stores = {
            name: open_files.enter_context(MapStore.open(path))
            for name, path in zip(given.names, given.maps, strict=True)
        }
        examples = [
            _example(
                record,
                images[record.image_id],
                parts.get(record.image_id),
                stores,
                given.resize,
            )
            for record in chosen.itertuples()
        ]
    return gallery(examples, given.title)


def _example(record, image, parts, stores: dict[str, MapStore], resize: str) -> Example:
    maps, probabilities = {}, {}
    for name, store in stores.items():
        kind = METHODS[str(store.attributes["method"])].targets
        row = store.lookup(record.image_id, _TARGETS[kind](record.label))
        maps[name] = store.maps[row]
        if kind == "class":
            probabilities[name.rpartition("/")[0]] = float(store.class_probability[row])
    part = stored_part((record.width, record.height), resize)
    return Example(
        name=class_name(record.image_id),
        image=image,
        boxes=part.stored_boxes(record.boxes, len(image)),
        parts=parts,
        maps=maps,
        probabilities=probabilities,
    )


def class_name(image_id: str) -> str:
    """``001.Black_footed_Albatross/...`` -> ``Black footed Albatross``."""
    folder, _, file = image_id.rpartition("/")
    return re.sub(r"^\d+\.", "", folder).replace("_", " ") or file


def gallery(examples: Sequence[Example], title: str) -> Figure:
    """The figure: a row an example, a column a map.

    Each map is scaled to its own maximum, which stands above it: the scales of images and methods
    differ by orders of magnitude.
    """
    methods = pictures.by_variant(examples[0].maps)
    columns = 1 + sum(map(len, methods.values()))
    figure, axes = pictures.panels(
        len(examples), columns, _INCH, between=0.17, above=0.75, below=0.9
    )
    for row, example in zip(axes, examples, strict=True):
        _image(row[0], example)
        panels = iter(row[1:])
        for variant, names in methods.items():
            for index, method in enumerate(names):
                _map(next(panels), example, variant, method, first=index == 0)
    panels = iter(axes[0][1:])
    for variant, names in methods.items():
        for index, method in enumerate(names):
            panel = next(panels)
            pictures.heading(panel, method)
            if index == 0:
                pictures.heading(panel, variant, line=1, bold=True)
    pictures.heading(axes[0, 0], title, line=2)
    if any(example.parts is not None for example in examples):
        _legend(figure)
    scale = ScalarMappable(cmap=MAP_COLOURS)
    pictures.colour_bar(figure, scale, {0: "0", 1: "maximum of the map"})
    return figure


def _image(axes, example: Example) -> None:
    axes.imshow(example.image)
    if example.parts is not None:
        pictures.outline_parts(axes, example.parts)
    for x0, y0, x1, y1 in example.boxes:
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color="white", lw=1.6))
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color="black", lw=0.7))
    axes.set_title(example.name, fontsize=6, pad=2)
    pictures.bare(axes)


def _map(axes, example: Example, variant: str, method: str, *, first: bool) -> None:
    fraction, peak = pictures.scaled(
        pictures.enlarge(example.maps[f"{variant}/{method}"], len(example.image))
    )
    axes.imshow(pictures.overlay(example.image, fraction))
    title = f"max {peak:.2g}"
    if first and variant in example.probabilities:
        title = f"p(y|x) {example.probabilities[variant]:.2f}, " + title
    axes.set_title(title, fontsize=5.5, pad=2)
    pictures.bare(axes)


def _legend(figure: Figure) -> None:
    """Colours of the parts, below the panels."""
    figure.legend(
        handles=[
            Patch(facecolor=colour, label=PARTS[part])
            for part, colour in pictures.PART_COLOURS.items()
        ],
        loc="upper left",
        bbox_to_anchor=(0, 0.85 / figure.get_figheight()),
        ncols=len(PARTS),
        frameon=False,
        fontsize=6,
        handlelength=1,
        columnspacing=1,
    )
