"""Sanity check: how similar maps stay while the model's weights are replaced by random ones."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.artefacts.scores import read_score
from pipeline.figures import lines
from pipeline.figures.arguments import add_title
from pipeline.runtime.errors import UserError

_METRICS = {"spearman": "rank correlation", "ssim": "SSIM"}


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    arguments.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="score files of task sanity"
    )
    add_title(arguments)


def draw(scores: Sequence[Path], title: str) -> Figure:
    """Draw the similarities of several methods.

    Args:
        scores: score files of the task ``sanity``.
        title: above the figure.

    Raises:
        UserError: a score file cannot be read, or does not name its depths.
    """
    found = {}
    for path in scores:
        score = read_score(path)
        if not score["details"].get("depths"):
            raise UserError(f"{path} does not name its depths. Run the sanity task again.")
        found[score["identity"]["variant"], score["identity"]["method"]] = score
    return sanity_curves(found, title)


def sanity_curves(scores: Mapping[lines.Name, Mapping[str, Any]], title: str) -> Figure:
    """The figure: one column per metric, one row per group of lines; all have the same depths."""
    rows = lines.groups(list(scores))
    figure, axes = lines.grid(rows, len(_METRICS))
    for row, group in zip(axes, rows, strict=True):
        for panel, (metric, label) in zip(row, _METRICS.items(), strict=True):
            panel.axhline(0, color="#555555", linestyle=":", linewidth=1.1)
            for name, look in lines.looks(group).items():
                _line(panel, scores[name], metric, look)
            depths = scores[group[0]]["details"]["depths"]
            panel.set_xticks(range(len(depths)), depths.values(), rotation=90, fontsize=lines.SMALL)
            panel.set(title=label, ylim=(None, 1.02))
            panel.grid(alpha=0.25)
        row[0].set_ylabel("similarity (1: the same map)")
    figure.supxlabel("random up to and including (from the head to the image)", fontsize=8)
    figure.suptitle(title, fontsize=9)
    return figure


def _line(panel: Axes, score: Mapping[str, Any], metric: str, look: Mapping[str, object]) -> None:
    """Depths at which the metric is defined."""
    names = {
        place: f"{metric}.{depth}"
        for place, depth in enumerate(score["details"]["depths"])
        if f"{metric}.{depth}" in score["values"]
    }
    values = [score["values"][name] for name in names.values()]
    intervals = [score["intervals"].get(name) for name in names.values()]
    lines.line(panel, list(names), values, intervals, look)
