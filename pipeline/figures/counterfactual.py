"""Counterfactual maps: where each variant sees class A instead of class B, and the cue mask."""

from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.figures import pair_images, pictures
from pipeline.figures.pair_images import PairImage
from pipeline.figures.style import SIGNED_COLOURS, SMALL

_INCH = 1.25  # of a panel


@dataclass(frozen=True)
class Example:
    """One row of the figure: an image of class A, which is contrasted with class B.

    Attributes:
        title: classes and differing parts.
        image: uint8 (S, S, 3).
        cue: bool (S, S), the cue mask; None where the data set knows no parts.
        bird: bool (S, S), the foreground; None as well.
        maps: "variant/method" -> s_A - s_B (h, w), signed.
    """

    title: str
    image: np.ndarray
    cue: np.ndarray | None
    bird: np.ndarray | None
    maps: dict[str, np.ndarray]


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    pair_images.add_arguments(arguments)


def of_pairs(found: Iterable[PairImage], title: str) -> Figure:
    """The figure of the images of some class pairs."""
    examples = [
        Example(each.title, each.image, each.cue, each.bird, each.of_maps(pair_images.difference))
        for each in found
    ]
    return counterfactual(examples, title)


draw = pair_images.drawing(of_pairs, lambda section: section.gallery_pairs)


def counterfactual(examples: Sequence[Example], title: str) -> Figure:
    """The figure: red where the map is for A, blue where it is for B, white at zero.

    Each map is scaled to its own largest absolute value, which stands above it.
    """
    names = list(examples[0].maps)
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
            show_difference(panel, example, example.maps[name])
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


def show_cue(panel: Axes, cue: np.ndarray, bird: np.ndarray) -> None:
    """Draw a cue mask (S, S) in black, the rest of the foreground (S, S) in grey."""
    panel.imshow(np.where(cue, 0.0, np.where(bird, 0.85, 1.0)), "gray", vmin=0, vmax=1)


def show_difference(panel: Axes, example: Example, difference: np.ndarray) -> None:
    """Draw a signed map (h, w), scaled to its largest size, which becomes the panel's title."""
    signed = pictures.enlarge(difference, len(example.image))
    peak = float(np.abs(signed).max())
    if example.cue is None or example.bird is None:
        panel.imshow(pictures.signed_overlay(example.image, signed / (peak or 1)))
    else:
        panel.imshow(signed / (peak or 1), SIGNED_COLOURS, vmin=-1, vmax=1)
        pictures.outline(panel, example.bird, "#999999", 0.5)
        pictures.outline(panel, example.cue, "black", 0.9)
    panel.set_title(f"±{pictures.number(peak)}", fontsize=SMALL, pad=2)
