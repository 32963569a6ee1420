"""Maps of two classes on one image, and their difference (the paper's Fig. 1)."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.artefacts.classes import read_titles
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.shards import open_shards
from pipeline.artefacts.targets import class_target
from pipeline.figures import pair_images, pictures
from pipeline.figures.style import MAP_COLOURS, SIGNED_COLOURS, SMALL
from pipeline.settings import ClassPair, Report

_INCH = 1.3  # of a panel


@dataclass(frozen=True)
class Contrast:
    """What one model says about two classes on one image.

    Attributes:
        maps: of A and of B, (h, w) each.
        probabilities: p(A|x) and p(B|x).
    """

    maps: tuple[np.ndarray, np.ndarray]
    probabilities: tuple[float, float]


@dataclass(frozen=True)
class Example:
    """Some rows of the figure: an image of class A with the maps of A and B by several models.

    Attributes:
        title: classes and differing parts.
        image: uint8 (S, S, 3).
        cue: bool (S, S), the cue mask; None where the data set knows no parts.
        contrasts: "variant/method" -> its maps.
    """

    title: str
    image: np.ndarray
    cue: np.ndarray | None
    contrasts: dict[str, Contrast]


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    pair_images.add_arguments(arguments)


def draw(
    shards: Path,
    records: Path,
    classes: Path,
    pairs: Path,
    maps: Mapping[str, Path],
    title: str,
    section: Report,
    part_maps: Path | None = None,
    class_pairs: Sequence[ClassPair] = (),
) -> Figure:
    """Draw the maps of both classes of some pairs, and their difference.

    Args:
        shards: manifest.json of the test split.
        records: of the test split.
        classes: classes.csv of the data set.
        pairs: pairs.csv of the data set.
        maps: "variant/method" -> file of its maps of classes.
        title: above the figure.
        section: which pairs, and how many.
        part_maps: file of its part maps, if there are any.
        class_pairs: those that are shown first.

    Raises:
        UserError: a file cannot be read or belongs to other data, or no chosen pair has an image
            with a visible cue.
    """
    shown = pair_images.choose(
        pairs, records, classes, part_maps, class_pairs, section.kinds_images, section.seed
    )
    names, images = (
        read_titles(classes),
        pictures.stored_images(open_shards(shards), shown.image_ids),
    )
    with pictures.open_stores(maps) as stores:
        examples = []
        for index, (pair, image) in enumerate(zip(shown.pairs, shown.image_ids, strict=True)):
            masks = shown.cue_and_bird(index)
            contrasts = {
                name: contrast_of(store, image, pair.label_a, pair.label_b)
                for name, store in stores.items()
            }
            cue = masks[0] if masks else None
            examples.append(Example(shown.title(index, names), images[image], cue, contrasts))
    return contrast(examples, title)


def contrast_of(store: MapStore, image_id: str, label: int, other: int) -> Contrast:
    """The stored maps of two classes on one image."""
    rows = [store.lookup(image_id, class_target(each)) for each in (label, other)]
    first, second = (store.maps[row] for row in rows)
    p, q = (float(store.class_probability[row]) for row in rows)
    return Contrast((first, second), (p, q))


def contrast(examples: Sequence[Example], title: str) -> Figure:
    """The figure: for each image a row per model, with its map of A, of B, and A - B.

    Each map is scaled to its own maximum and each difference to its own largest size, which stand
    above them. The cue mask is outlined.
    """
    names = list(examples[0].contrasts)
    figure, axes = pictures.panels(
        len(examples) * len(names), 4, _INCH, between=0.34, above=0.7, below=0.6
    )
    for number, (picture, *panels) in enumerate(axes):
        example, name = examples[number // len(names)], names[number % len(names)]
        if number % len(names) == 0:
            picture.imshow(example.image)
            picture.set_ylabel(example.title, fontsize=SMALL, rotation=0, ha="right", va="center")
            pictures.bare(picture)
        else:
            picture.remove()
        found = example.contrasts[name]
        for panel, map_, p in zip(panels, found.maps, found.probabilities, strict=False):
            peak = pictures.show_map(panel, example.image, map_)
            panel.set_title(f"p {p:.2g}, max {pictures.number(peak)}", fontsize=SMALL, pad=2)
        peak = pictures.show_signed(panels[2], example.image, found.maps[0] - found.maps[1])
        panels[2].set_title(f"±{pictures.number(peak)}", fontsize=SMALL, pad=2)
        pictures.heading(panels[0], name.replace("/", ": ").replace("_", " "), bold=True)
        if example.cue is not None:
            for panel, colour in zip((picture, *panels), _OUTLINES, strict=True):
                if panel.figure is not None:  # was not removed
                    pictures.outline(panel, example.cue, colour, 0.9)
    for panel, text in zip(axes[0], ("image of class A", "A", "B", "A − B"), strict=True):
        pictures.heading(panel, text, line=1)
    pictures.heading(axes[0, 0], title, line=2)
    scale = ScalarMappable(cmap=MAP_COLOURS)
    pictures.colour_bar(figure, scale, {0: "0", 1: "maximum of the map"})
    signed = ScalarMappable(Normalize(-1, 1), SIGNED_COLOURS)
    ticks = {-1: "−max: for B", 0: "0", 1: "+max: for A"}
    pictures.colour_bar(figure, signed, ticks, left=3.2)
    return figure


_OUTLINES = ("white", "white", "white", "black")  # of the cue mask on each panel of a row
