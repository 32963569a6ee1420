"""Counterfactual maps: where each variant sees class A instead of class B, and the cue mask."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.figures import pair_images, pictures
from pipeline.figures.pair_images import Example
from pipeline.figures.style import SIGNED_COLOURS, SMALL

_INCH = 1.25  # of a panel


add_arguments = pair_images.add_arguments


def counterfactual(examples: Sequence[Example[np.ndarray]], title: str) -> Figure:
    """The figure: red where the map is for A, blue where it is for B, white at zero.

    Each map is scaled to its own largest absolute value, which stands above it.
    """
    names = list(examples[0].found)
    before = 1 if examples[0].cue is None else 2
    figure, axes = pictures.panels(
        len(examples), before + len(names), _INCH, between=0.2, above=0.75, below=0.6
    )
    for row, example in zip(axes, examples, strict=True):
        row[0].imshow(example.image)
        row[0].set_ylabel(example.title, fontsize=SMALL, rotation=0, ha="right", va="center")
        if example.cue is not None and example.bird is not None:
            show_cue(row[1], example.cue, example.bird)
        for panel, name in zip(row[before:], names, strict=True):
            show_difference(panel, example, example.found[name])
        for panel in row:
            pictures.bare(panel)
    pictures.heading(axes[0, 0], "image of class A")
    if before > 1:
        pictures.heading(axes[0, 1], "cue mask")
    pictures.headings(axes[0, before:], names)
    pictures.heading(axes[0, 0], title, line=2)
    scale = ScalarMappable(Normalize(-1, 1), SIGNED_COLOURS)
    pictures.colour_bar(figure, scale, {-1: "−max: for B", 0: "0", 1: "+max: for A"})
    return figure


draw = pair_images.drawing(
    counterfactual, pair_images.difference, lambda section: section.gallery_pairs
)


def show_cue(panel: Axes, cue: np.ndarray, bird: np.ndarray) -> None:
    """Draw a cue mask (S, S) in black, the rest of the foreground (S, S) in grey."""
    panel.imshow(np.where(cue, 0.0, np.where(bird, 0.85, 1.0)), "gray", vmin=0, vmax=1)


def show_difference(panel: Axes, example: Example[np.ndarray], difference: np.ndarray) -> None:
    """Draw a signed map (h, w), scaled to its largest size, which becomes the panel's title."""
    if example.cue is None or example.bird is None:
        peak = pictures.show_signed(panel, example.image, difference)
    else:
        fraction, peak = pictures.signed(difference, len(example.image))
        panel.imshow(fraction, SIGNED_COLOURS, vmin=-1, vmax=1)
        pictures.outline(panel, example.bird, "#999999", 0.5)
        pictures.outline(panel, example.cue, "black", 0.9)
    panel.set_title(f"±{pictures.number(peak)}", fontsize=SMALL, pad=2)
