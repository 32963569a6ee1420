"""Cue localisation by method: mPxAP with intervals, and baselines as lines."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.artefacts.table import Row, Table, load
from pipeline.figures.style import PALETTE, colours
from pipeline.runtime.errors import UserError

_BASELINES: dict[str, tuple[Any, str]] = {
    "chance": ("--", "#555555"),
    "always_head": (":", PALETTE[-1]),
}


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    arguments.add_argument("--tables", type=Path, required=True, help="tables.json")
    arguments.add_argument("--dataset", required=True, help="whose scores")
    arguments.add_argument("--architecture", required=True, help="whose scores")


def draw(tables: Path, dataset: str, architecture: str) -> Figure:
    """Draw the cue scores of a data set and architecture.

    Args:
        tables: tables.json.
        dataset: its name.
        architecture: its name.

    Raises:
        UserError: the tables cannot be read or lack these scores.
    """
    table = load(tables).get("cue_localization")
    if table is None:
        raise UserError(f"{tables} has no table of cue scores. Make the tables again.")
    return cue_scores(table, dataset, architecture)


def cue_scores(table: Table, dataset: str, architecture: str) -> Figure:
    """The figure: a panel for each number of differing parts and their mean by pairs.

    The first normalisation of the table is drawn as a filled dot, the others as rings.

    Raises:
        UserError: the table has no scores of the data set and architecture.
    """
    keys = {"dataset": dataset, "architecture": architecture, "masks": "estimated"}
    blocks = [block for block in table.blocks if keys.items() <= block.keys.items()]
    if not blocks:
        raise UserError(f"The tables have no cue scores of {dataset}, {architecture}.")
    methods = [row.names for row in blocks[0].rows if row.kind == "measured"]  # variant, method
    of_variant = colours(list(dict.fromkeys(variant for variant, _ in methods)))
    panels = [column for column in table.columns if column not in ("delta", "unweighted")]
    figure, axes = plt.subplots(
        1,
        len(panels),
        sharey=True,
        sharex=True,
        squeeze=False,
        figsize=(1.5 + 1.6 * len(panels), 1.2 + 0.28 * len(methods)),
        layout="constrained",
    )
    shifts = np.linspace(-0.16, 0.16, len(blocks)) if len(blocks) > 1 else [0.0]
    for panel, column in zip(axes[0], panels, strict=True):
        for block, shift in zip(blocks, shifts, strict=True):
            _dots(panel, block.rows, column, methods, of_variant, shift, block is blocks[0])
        panel.set(title=table.columns[column], xlabel="mPxAP (%)")
        panel.set_yticks(range(len(methods)), [" · ".join(names) for names in methods])
        panel.set_ylim(len(methods) - 0.5, -0.5)
        panel.grid(axis="x", alpha=0.25)
    axes[0, 0].set_xlim(left=0)  # of all panels; once, because it ends the automatic choice
    _legend(figure, [block.keys["normalisation"] for block in blocks])
    figure.suptitle(f"{dataset}, {architecture}", fontsize=9)
    return figure


def _dots(
    panel: Axes,
    rows: Sequence[Row],
    column: str,
    methods: Sequence[tuple[str, ...]],
    of_variant: Mapping[str, str],
    shift: float,
    filled: bool,
) -> None:
    """One block's values of a column."""
    for row in rows:
        cell = row.cells.get(column)
        if cell is None:
            continue
        if row.kind == "baseline" and filled:
            line, colour = _BASELINES[row.names[1]]
            panel.axvline(cell.value, linestyle=line, color=colour, linewidth=1.1)
        elif row.kind == "measured":
            colour = of_variant[row.names[0]]
            height = methods.index(row.names) + shift
            if cell.low is not None and cell.high is not None:
                panel.plot([cell.low, cell.high], [height, height], color=colour, linewidth=1.2)
            panel.plot(
                cell.value,
                height,
                marker="o",
                markersize=4.5,
                color=colour,
                markerfacecolor=colour if filled else "white",
            )


def _legend(figure: Figure, normalisations: list[str]) -> None:
    keys = [
        Line2D(
            [],
            [],
            linestyle="",
            marker="o",
            color="#555555",
            markerfacecolor="#555555" if index == 0 else "white",
            label=f"|sA − sB| {name}",
        )
        for index, name in enumerate(normalisations)
    ]
    keys += [
        Line2D([], [], linestyle=line, color=colour, label=name.replace("_", " "))
        for name, (line, colour) in _BASELINES.items()
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), frameon=False)
