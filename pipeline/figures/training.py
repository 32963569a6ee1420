"""Training curves: loss and accuracy on train and val, a colour for each variant."""

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.artefacts.trainings import read_history
from pipeline.figures.arguments import add_named, add_title
from pipeline.figures.style import colours


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    add_title(arguments)
    add_named(arguments, "variants", "a name for each history", histories="history.csv files")


def draw(histories: Mapping[str, Path], title: str) -> Figure:
    """Draw the training curves.

    Args:
        histories: variant -> its history.csv.
        title: above the figure.

    Raises:
        UserError: a history cannot be read.
    """
    found = {variant: read_history(path) for variant, path in histories.items()}
    return training_curves(found, title)


def training_curves(histories: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """The figure.

    Args:
        histories: variant -> its history, one row per epoch; the val columns may be NaN.
        title: above the figure.
    """
    figure, (loss, accuracy) = plt.subplots(1, 2, figsize=(7.5, 2.8), layout="constrained")
    of_variant = colours(list(histories))
    for variant, history in histories.items():
        for split, line in (("train", "-"), ("val", "--")):
            look = {"color": of_variant[variant], "linestyle": line, "linewidth": 1.3}
            look |= {"marker": "o", "markersize": 2}
            loss.plot(history["epoch"], history[f"{split}_loss"], **look)
            accuracy.plot(history["epoch"], 100 * history[f"{split}_accuracy"], **look)
    loss.set(xlabel="epoch", ylabel="loss (nats)")
    accuracy.set(xlabel="epoch", ylabel="accuracy (%)", ylim=(0, 102))
    for axes in (loss, accuracy):
        axes.grid(alpha=0.25)
        axes.xaxis.get_major_locator().set_params(integer=True)
    keys = [Line2D([], [], color=of_variant[variant], label=variant) for variant in histories]
    keys += [
        Line2D([], [], color="#555555", linestyle="-", label="train"),
        Line2D([], [], color="#555555", linestyle="--", label="val"),
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), frameon=False)
    figure.suptitle(title, fontsize=9)
    return figure
