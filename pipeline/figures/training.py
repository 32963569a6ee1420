"""Training curves: loss and accuracy on train and val, a colour for each variant."""

import argparse
from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.figures.style import colours
from pipeline.runtime.errors import UserError
from pipeline.settings import Report


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Add the inputs of the figure."""
    arguments.add_argument("--title", required=True, help="above the figure")
    arguments.add_argument("--variants", nargs="+", required=True, help="a name for each history")
    arguments.add_argument("--histories", nargs="+", required=True, help="history.csv files")


def draw(given: argparse.Namespace, section: Report) -> Figure:
    """Draw it from the command line's inputs."""
    histories = {}
    for variant, path in zip(given.variants, given.histories, strict=True):
        try:
            histories[variant] = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise UserError(f"Cannot read the history {path} ({error}). Train again.") from error
    return training_curves(histories, given.title)


def training_curves(histories: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """The figure.

    Args:
        histories: variant -> its history, one row an epoch; the val columns may be NaN.
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
