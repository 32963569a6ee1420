"""Gallery: test images, and over them the maps of their true class."""

import math
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from pipeline.artefacts.classes import read_titles
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.part_maps import PARTS
from pipeline.artefacts.records import read_records
from pipeline.artefacts.shards import open_shards
from pipeline.artefacts.targets import own_target
from pipeline.figures import pictures
from pipeline.figures.arguments import add_images, add_maps, add_title
from pipeline.figures.style import MAP_COLOURS, SMALL
from pipeline.images.geometry import RESIZES, stored_part
from pipeline.images.label_maps import read_mask
from pipeline.settings import Report

_INCH = 1.15  # of a panel
_ACROSS = 9  # maps next to an image; more go below it


@dataclass(frozen=True)
class Example:
    """One image of the gallery.

    Attributes:
        name: of the class.
        image: uint8 (S, S, 3).
        boxes: (K, 4) x0, y0, x1, y1, on the image.
        parts: label map (S, S), or None.
        mask: bool (S, S), the object's pixels, or None where no mask is known or parts are.
        maps: "variant/method" -> (h, w), any real numbers.
        probabilities: "variant/method" -> p(y|x) of the true class, for the first of a variant's
            maps that knows it.
    """

    name: str
    image: np.ndarray
    boxes: np.ndarray
    parts: np.ndarray | None
    maps: dict[str, np.ndarray]
    probabilities: dict[str, float]
    mask: np.ndarray | None = None


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    add_images(arguments)
    arguments.add_argument(
        "--resize", choices=RESIZES, default="square", help="images.resize of the shards"
    )
    arguments.add_argument("--part-maps", type=Path, nargs="?", help="part maps, if there are any")
    add_maps(arguments)
    add_title(arguments)
    arguments.add_argument(
        "--every-method", action="store_true", help="show kinds_images, not gallery_images"
    )


def draw(
    shards: Path,
    records: Path,
    classes: Path,
    maps: Mapping[str, Path],
    title: str,
    section: Report,
    resize: str = "square",
    part_maps: Path | None = None,
    every_method: bool = False,
) -> Figure:
    """Draw a gallery of test images.

    Args:
        shards: manifest.json of the test split.
        records: of the test split.
        classes: classes.csv of the data set.
        maps: "variant/method" -> file of its maps.
        title: above the figure.
        section: which images, and how many.
        resize: ``images.resize`` of the shards.
        part_maps: file of the part maps, whose outlines are then drawn.
        every_method: show ``kinds_images`` instead of ``gallery_images``.

    Raises:
        UserError: a file cannot be read or belongs to other data.
    """
    names = read_titles(classes)
    count = section.kinds_images if every_method else section.gallery_images
    chosen = pictures.choose_images(read_records(records), count, section.seed)
    images = pictures.stored_images(open_shards(shards), list(chosen["image_id"]))
    parts = pictures.part_labels(part_maps)
    with pictures.open_stores(maps) as stores:
        examples = [
            _example(
                record,
                names[record.label],
                images[record.image_id],
                parts.get(record.image_id),
                stores,
                resize,
            )
            for record in chosen.itertuples()
        ]
    return gallery(examples, title)


def _example(
    record: Any,
    name: str,
    image: np.ndarray,
    parts: np.ndarray | None,
    stores: Mapping[str, MapStore],
    resize: str,
) -> Example:
    maps, probabilities, known = {}, {}, set()
    for each, store in stores.items():
        row = store.lookup(record.image_id, own_target(store.kind, record.label))
        maps[each] = store.maps[row]
        variant = each.rpartition("/")[0]
        if store.kind == "class" and variant not in known:
            probabilities[each] = float(store.class_probability[row])
            known.add(variant)
    part = stored_part((record.width, record.height), resize)
    return Example(
        name=name,
        image=image,
        boxes=part.stored_boxes(record.boxes, len(image)),
        parts=parts,
        maps=maps,
        probabilities=probabilities,
        mask=_mask(record, len(image), resize) if parts is None else None,
    )


def _mask(record: Any, size: int, resize: str) -> np.ndarray | None:
    """The pixels of the object (S, S): of its masks, or else of its segmentation."""
    paths = [*record.masks] or [*filter(None, [record.segmentation])]
    found = [read_mask(path, (size, size), resize) for path in paths]
    return np.any(found, axis=0) if found else None


def gallery(examples: Sequence[Example], title: str) -> Figure:
    """The figure: one row per example, or several where there are many maps; one panel per map.

    Each map is scaled to its own maximum, which stands above it: the scales of images and methods
    differ by orders of magnitude.
    """
    names = list(examples[0].maps)
    lines = math.ceil(len(names) / _ACROSS)  # of an example
    across = math.ceil(len(names) / lines)
    several = len({name.rpartition("/")[0] for name in names}) > 1  # variants
    outlined = any(example.parts is not None for example in examples)
    figure, axes = pictures.panels(
        len(examples) * lines,
        1 + across,
        _INCH,
        between=0.19 if lines == 1 else 0.46 + 0.14 * several,
        above=0.75,
        below=0.95 if outlined else 0.65,
    )
    for number, (image, *panels) in enumerate(axes):
        example, line = examples[number // lines], number % lines
        shown = names[line * across : (line + 1) * across]
        if line == 0:
            _image(image, example)
        else:
            image.remove()
        for panel, name in zip(panels, shown, strict=False):
            _map(panel, example, name)
        for panel in panels[len(shown) :]:
            panel.remove()
        if number == 0 or lines > 1:
            pictures.headings(panels[: len(shown)], shown, variants=several or lines == 1)
    pictures.heading(axes[0, 0], title, line=2)
    if outlined:
        _legend(figure)
    scale = ScalarMappable(cmap=MAP_COLOURS)
    pictures.colour_bar(figure, scale, {0: "0", 1: "maximum of the map"})
    return figure


def _image(axes: Axes, example: Example) -> None:
    axes.imshow(example.image)
    if example.parts is not None:
        pictures.outline_parts(axes, example.parts)
    if example.mask is not None:
        pictures.outline_on_any(axes, example.mask)
    for x0, y0, x1, y1 in example.boxes:
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color="white", lw=1.6))
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color="black", lw=0.7))
    axes.set_title(example.name, fontsize=SMALL, pad=2, loc="left")
    pictures.bare(axes)


def _map(axes: Axes, example: Example, name: str) -> None:
    peak = pictures.show_map(axes, example.image, example.maps[name])
    title = f"max {pictures.number(peak)}"
    if name in example.probabilities:
        title = f"p {example.probabilities[name]:.2f}, {title}"
    axes.set_title(title, fontsize=SMALL, pad=2, loc="left")


def _legend(figure: Figure) -> None:
    """Colours of the parts, below the panels."""
    figure.legend(
        handles=[
            Patch(facecolor=colour, label=PARTS[part])
            for part, colour in pictures.PART_COLOURS.items()
        ],
        loc="upper left",
        bbox_to_anchor=(0, 0.9 / figure.get_figheight()),
        ncols=len(PARTS),
        frameon=False,
        fontsize=SMALL,
        handlelength=1,
        columnspacing=1,
    )
