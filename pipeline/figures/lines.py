"""Plots of many lines, one per (variant, method): which share a panel, and how they look."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.figures.style import PALETTE, SMALL

MOST = 12  # lines in a panel
_MARKERS = "osD^vP*<>Xph"  # one for each of them: colours repeat

Name = tuple[str, str]  # variant, method


def groups(names: Sequence[Name]) -> list[list[Name]]:
    """Lines that share a panel: all of them, or else a variant's, or equal parts of those."""
    if len(names) <= MOST:
        return [list(names)]
    found = []
    for variant in dict.fromkeys(variant for variant, _ in names):
        own = [name for name in names if name[0] == variant]
        parts = np.array_split(np.arange(len(own)), math.ceil(len(own) / MOST))
        found += [[own[index] for index in part] for part in parts]
    return found


def looks(group: Sequence[Name]) -> dict[Name, dict]:
    """How each line of a group is drawn, as keywords of ``Axes.plot``."""
    return {
        name: {
            "color": PALETTE[index % len(PALETTE)],
            "linestyle": "-" if index < len(PALETTE) else "--",
            "linewidth": 1.2,
            "marker": _MARKERS[index],
            "markersize": 3.5,
        }
        for index, name in enumerate(group)
    }


def grid(rows: Sequence[Sequence[Name]], columns: int) -> tuple[Figure, np.ndarray]:
    """Panels (rows, columns), and right of every row the legend of its group of lines."""
    inches = 2.7 * columns + 2, 0.5 + 2.1 * len(rows)
    figure = plt.figure(figsize=inches, layout="constrained")
    axes = figure.subplots(
        len(rows), columns + 1, squeeze=False, width_ratios=[1] * columns + [0.7]
    )
    for (*_, last), group in zip(axes, rows, strict=True):
        last.axis("off")
        variants = {variant for variant, _ in group}
        keys = [
            Line2D([], [], label=method if len(variants) == 1 else f"{variant} · {method}", **look)
            for (variant, method), look in looks(group).items()
        ]
        heading = variants.pop() if len(variants) == 1 else None
        last.legend(
            handles=keys,
            title=heading,
            title_fontproperties={"size": SMALL, "weight": "bold"},
            fontsize=SMALL,
            loc="center left",
            frameon=False,
            alignment="left",
            handlelength=2.5,
        )
    return figure, axes[:, :-1]


def line(
    panel: Axes,
    places: Sequence[float],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float] | None],
    look: Mapping[str, Any],
) -> None:
    """Draw a line, and a shade from its intervals' low to high ends if all are known."""
    panel.plot(places, values, **look)
    if intervals and all(intervals):
        low, high = zip(*intervals, strict=True)
        panel.fill_between(places, low, high, color=look["color"], alpha=0.15, linewidth=0)
