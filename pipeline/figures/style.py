"""How all figures look, and how they are saved: equal inputs give equal bytes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no display needed, whatever the environment says

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from pipeline.artefacts.drawings import seal_drawing
from pipeline.artefacts.files import atomic_path
from pipeline.runtime.errors import UserError

# Okabe and Ito: distinct with any colour vision, and in grey by their lightness.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MAP_COLOURS = "inferno"  # perceptually uniform
SIGNED_COLOURS = "RdBu_r"  # white at zero
SMALL = 7  # points, of the smallest text: some 9 pixels where the report shows 12 inches

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib: the same everywhere
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "figures",
    "text.parse_math": False,  # names of classes and titles may hold "$"
    "image.interpolation": "nearest",
}


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name, in their order; they repeat after seven."""
    return {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(names)}


def use_style() -> None:
    """Make this the style of the figures that follow."""
    plt.rcdefaults()
    plt.rcParams.update(_RC)


def save(figure: Figure, paths: Iterable[str | Path], dpi: int) -> None:
    """Write a figure to ``.png`` and ``.svg`` files, atomically and without dates.

    Raises:
        UserError: another kind of file.
    """
    metadata = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
    for path in map(Path, paths):
        if path.suffix not in metadata:
            raise UserError(f"--out {path}: figures are written as .png or .svg.")
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=dpi, metadata=metadata[path.suffix], bbox_inches="tight")
            seal_drawing(temporary)
    plt.close(figure)
