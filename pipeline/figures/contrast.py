"""Maps of two classes on one image, and their difference (the paper's Fig. 1)."""

from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.targets import class_target
from pipeline.figures import pair_images, pictures
from pipeline.figures.pair_images import PairImage
from pipeline.figures.style import MAP_COLOURS, SIGNED_COLOURS, SMALL

_INCH = 1.1  # of a panel


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
    """One row of the figure: an image of class A with the maps of A and B by several models.

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


def of_pairs(found: Iterable[PairImage], title: str) -> Figure:
    """The figure of the images of some class pairs."""
    examples = [
        Example(each.title, each.image, each.cue, each.of_maps(contrast_of)) for each in found
    ]
    return contrast(examples, title)


draw = pair_images.drawing(of_pairs, lambda section: section.kinds_images)


def contrast_of(store: MapStore, image_id: str, label: int, other: int) -> Contrast:
    """The stored maps of two classes on one image."""
    rows = [store.lookup(image_id, class_target(each)) for each in (label, other)]
    first, second = (store.maps[row] for row in rows)
    p, q = (float(store.class_probability[row]) for row in rows)
    return Contrast((first, second), (p, q))


def contrast(examples: Sequence[Example], title: str) -> Figure:
    """The figure: a row for each image, in it three panels per model: map of A, of B, and A - B.

    Each map is scaled to its own maximum and each difference to its own largest size, which stand
    above them. The cue mask is outlined.
    """
    names = list(examples[0].contrasts)
    starts = [1 + 3 * number for number in range(len(names))]
    figure, axes = pictures.panels(
        len(examples), 1 + 3 * len(names), _INCH, between=0.2, above=0.8, below=0.6, apart=starts
    )
    for (picture, *_), example in zip(axes, examples, strict=True):
        picture.imshow(example.image)
        picture.set_ylabel(example.title, fontsize=SMALL, rotation=0, ha="right", va="center")
        pictures.bare(picture)
        _outline(picture, example)
    for name, start in zip(names, starts, strict=True):
        for row, example in zip(axes, examples, strict=True):
            _maps(row[start : start + 3], example, example.contrasts[name])
        for panel, text in zip(axes[0, start:], ("A", "B", "A − B"), strict=False):
            pictures.heading(panel, text)
        pictures.heading(axes[0, start], name.replace("/", ": "), line=1, bold=True)
    pictures.heading(axes[0, 0], "image of class A")
    pictures.heading(axes[0, 0], title, line=2)
    pictures.colour_bar(figure, ScalarMappable(cmap=MAP_COLOURS), {0: "0", 1: "maximum of the map"})
    signed = ScalarMappable(Normalize(-1, 1), SIGNED_COLOURS)
    ticks = {-1: "−max: for B", 0: "0", 1: "+max: for A"}
    pictures.colour_bar(figure, signed, ticks, left=4)
    return figure


def _maps(panels: Sequence[Axes], example: Example, found: Contrast) -> None:
    """Draw the maps of both classes on two panels and their difference on a third."""
    for panel, map_, p in zip(panels, found.maps, found.probabilities, strict=False):
        peak = pictures.show_map(panel, example.image, map_)
        panel.set_title(f"p {p:.2f}, max {pictures.number(peak)}", fontsize=SMALL, pad=2)
        _outline(panel, example)
    peak = pictures.show_signed(panels[2], example.image, found.maps[0] - found.maps[1])
    panels[2].set_title(f"±{pictures.number(peak)}", fontsize=SMALL, pad=2)
    _outline(panels[2], example)


def _outline(panel: Axes, example: Example) -> None:
    """Outline the cue mask in black on white, which shows on any ground."""
    if example.cue is not None:
        for colour, width in (("white", 1.5), ("black", 0.7)):
            pictures.outline(panel, example.cue, colour, width)
