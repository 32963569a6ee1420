"""Remove-and-classify: relative accuracy R_k against the erased part k (the paper's Fig. 5)."""

import itertools
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.artefacts.scores import read_score
from pipeline.figures import lines
from pipeline.figures.arguments import add_title


class Curve(NamedTuple):
    """R_k of one method: ``values`` by k in percent, and their intervals where there are any."""

    values: dict[float, float]
    intervals: dict[float, tuple[float, float]]


_ACROSS = 4  # panels in a row
_ORDERS = {"most": "most important first", "least": "least important first"}

Curves = dict[tuple[str, str], Curve]  # (eraser, order) -> curve


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    arguments.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="score files of task erase"
    )
    add_title(arguments)


def draw(scores: Sequence[Path], title: str) -> Figure:
    """Draw R_k of several methods.

    Args:
        scores: score files of the task ``erase``.
        title: above the figure.

    Raises:
        UserError: a score file cannot be read.
    """
    curves = {}
    for path in scores:
        score = read_score(path)
        curves[score["identity"]["variant"], score["identity"]["method"]] = read_curves(score)
    return erase_curves(curves, title)


def read_curves(score: Mapping) -> Curves:
    """The curves of a score file, from its values ``relative.{eraser}.{order}.{k}``.

    A value is absent where it is not defined: random erasing left no image right.
    """
    curves: Curves = {}
    for name, value in score["values"].items():
        what, *parts = name.split(".", 3)
        if what != "relative" or len(parts) < 3:
            continue  # a mean over k, or an accuracy
        eraser, order, k = parts
        curve = curves.setdefault((eraser, order), Curve({}, {}))
        curve.values[float(k)] = value
        if name in score["intervals"]:
            curve.intervals[float(k)] = tuple(score["intervals"][name])
    return curves


def erase_curves(curves: Mapping[lines.Name, Curves], title: str) -> Figure:
    """The figure: one panel per eraser and order of erasing; many lines are split over rows."""
    found = dict.fromkeys(key for of_method in curves.values() for key in of_method)
    if not found:
        return _nothing(title)
    parts = [[key for key in found if key[1] == order] for order in _ORDERS]
    if len(found) <= _ACROSS:
        parts = [[*itertools.chain(*parts)]]
    rows = [(part, group) for part in parts for group in lines.groups(list(curves))]
    figure, axes = lines.grid([group for _, group in rows], max(map(len, parts)))
    for panels, (part, group) in zip(axes, rows, strict=True):
        for panel, key in zip(panels, part, strict=True):
            panel.axhline(1, color="#555555", linestyle=":", linewidth=1.1)
            for name, look in lines.looks(group).items():
                if curve := curves[name].get(key):
                    _line(panel, curve, look)
            title_of = f"{key[0].replace('_', ' ')}: {_ORDERS[key[1]]}"
            panel.set(title=title_of, xlabel="k (% of pixels)")
            panel.set_ylim(bottom=0)
            panel.grid(alpha=0.25)
        panels[0].set_ylabel("R_k: accuracy / random's")
    figure.suptitle(title, fontsize=9)
    return figure


def _nothing(title: str) -> Figure:
    figure = plt.figure(figsize=(6, 1))
    text = f"{title}: R_k is not defined, random erasing left no image right."
    figure.text(0.5, 0.5, text, ha="center")
    return figure


def _line(panel: Axes, curve: Curve, look: Mapping[str, object]) -> None:
    places = sorted(curve.values)
    values = [curve.values[k] for k in places]
    lines.line(panel, places, values, [curve.intervals.get(k) for k in places], look)
