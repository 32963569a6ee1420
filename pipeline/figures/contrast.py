"""Maps of two classes on one image, and their difference (the paper's Fig. 1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.targets import class_target
from pipeline.figures import pair_images, pictures
from pipeline.figures.pair_images import Example
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


add_arguments = pair_images.add_arguments


def contrast_of(store: MapStore, image_id: str, label: int, other: int) -> Contrast:
    """The stored maps of two classes on one image."""
    rows = [store.lookup(image_id, class_target(each)) for each in (label, other)]
    first, second = (store.maps[row] for row in rows)
    p, q = (float(store.class_probability[row]) for row in rows)
    return Contrast((first, second), (p, q))


def contrast(examples: Sequence[Example[Contrast]], title: str) -> Figure:
    """The figure: a row for each image, in it three panels per model: map of A, of B, and A - B.

    Each map is scaled to its own maximum and each difference to its own largest size, which stand
    above them. The cue mask is outlined.
    """
    names = list(examples[0].found)
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
            _maps(row[start : start + 3], example, example.found[name])
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


draw = pair_images.drawing(contrast, contrast_of, lambda section: section.kinds_images)


def _maps(panels: Sequence[Axes], example: Example[Contrast], found: Contrast) -> None:
    """Draw the maps of both classes on two panels and their difference on a third."""
    for panel, map_, p in zip(panels, found.maps, found.probabilities, strict=False):
        peak = pictures.show_map(panel, example.image, map_)
        panel.set_title(f"p {p:.2f}, max {pictures.number(peak)}", fontsize=SMALL, pad=2)
        _outline(panel, example)
    peak = pictures.show_signed(panels[2], example.image, found.maps[0] - found.maps[1])
    panels[2].set_title(f"±{pictures.number(peak)}", fontsize=SMALL, pad=2)
    _outline(panels[2], example)


def _outline(panel: Axes, example: Example[Contrast]) -> None:
    if example.cue is not None:
        pictures.outline_on_any(panel, example.cue)
