"""A map next to its image, as a PNG."""

import io
from collections.abc import Callable

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

_notebook = matplotlib.get_backend(auto_select=False)

from pipeline.figures import pictures, style  # noqa: E402 - selects the backend Agg

if _notebook:  # a notebook's own figures go on as before
    matplotlib.use(_notebook)

_SIDE = 3.0  # inches of a panel
_DPI = 150


def draw(image: np.ndarray, values: np.ndarray, heading: str, *, signed: bool) -> bytes:
    """The image, and the map over it with a colour bar in the map's own units.

    Args:
        image: uint8 (S, S, 3).
        values: (h, w).
        heading: above the map, a line or two.
        signed: draw it in two colours around zero; otherwise what is negative is drawn as 0.

    Returns:
        A PNG; equal arguments give equal bytes.
    """
    with plt.rc_context():
        style.use_style()
        figure, (panels,) = pictures.panels(1, 2, _SIDE, between=0, above=0.45, below=0.65)
        plain, overlay = panels
        plain.imshow(image)
        pictures.bare(plain)
        show: Callable[..., float] = pictures.show_signed if signed else pictures.show_map
        peak = show(overlay, image, values)
        name, _, about = heading.partition("\n")
        pictures.heading(overlay, name, line=1, bold=True)
        pictures.heading(overlay, about)
        top = pictures.number(peak)
        if signed:
            scale = ScalarMappable(Normalize(-1, 1), style.SIGNED_COLOURS)
            ticks = {-1: f"−{top}", 0: "0", 1: top}
        else:
            scale = ScalarMappable(Normalize(0, 1), style.MAP_COLOURS)
            ticks = {0: "0" if values.min() >= 0 else "0 and less", 1: top}
        pictures.colour_bar(figure, scale, ticks, left=_SIDE + 0.5)
        stream = io.BytesIO()
        figure.savefig(
            stream, format="png", dpi=_DPI, metadata={"Software": None}, bbox_inches="tight"
        )
        plt.close(figure)
    return stream.getvalue()
