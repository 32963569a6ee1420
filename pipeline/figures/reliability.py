"""Reliability: accuracy against confidence, and how many images are how confident."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.artefacts.scores import read_score
from pipeline.figures import lines
from pipeline.figures.arguments import add_title


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    arguments.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="score files of task calibration"
    )
    add_title(arguments)


def draw(scores: Sequence[Path], title: str) -> Figure:
    """Draw the reliability curves of several models.

    Args:
        scores: score files of the task ``calibration``.
        title: above the figure.

    Raises:
        UserError: a score file cannot be read.
    """
    found = [read_score(path) for path in scores]
    curves = {score["identity"]["variant"]: score["details"]["curve"] for score in found}
    return reliability(curves, title)


def reliability(curves: Mapping[str, Sequence[Mapping[str, Any]]], title: str) -> Figure:
    """The figure: models as lines; at most twelve share a panel, further ones stand to its right.

    Args:
        curves: model -> the filled bins of its confidence, ascending, each with ``confidence``,
            ``accuracy``, ``low``, ``high`` and ``images``.
        title: above the figure.
    """
    groups = lines.groups([(name, "") for name in curves])
    figure = plt.figure(figsize=(4.2 * len(groups), 4.6), layout="constrained")
    axes = figure.subplots(2, len(groups), squeeze=False, sharex=True, height_ratios=[3, 1])
    for (above, below), group in zip(axes.T, groups, strict=True):
        above.plot([0, 1], [0, 1], color="#555555", linestyle=":", linewidth=1.1)
        for (name, _), look in lines.looks(group).items():
            _model(above, below, name, curves[name], look)
        above.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
        below.set(xlabel="confidence, p(y|x) of the predicted class", ylabel="images")
        below.yaxis.set_major_locator(MaxNLocator(integer=True))
        for panel in (above, below):
            panel.grid(alpha=0.25)
        above.legend(fontsize=lines.SMALL, loc="upper left", frameon=False)
    figure.suptitle(title, fontsize=9)
    return figure


def _model(
    above: Axes,
    below: Axes,
    name: str,
    curve: Sequence[Mapping[str, Any]],
    look: Mapping[str, Any],
) -> None:
    places = [each["confidence"] for each in curve]
    ends = [(each["low"], each["high"]) for each in curve]
    lines.line(above, places, [each["accuracy"] for each in curve], ends, {**look, "label": name})
    below.plot(places, [each["images"] for each in curve], **look)
