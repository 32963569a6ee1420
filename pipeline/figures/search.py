"""Search of the training keys: the expected best of n draws, and the score by learning rate."""

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from pipeline.artefacts.searches import read_found
from pipeline.figures.arguments import add_named, add_title
from pipeline.figures.style import colours


class Found(NamedTuple):
    """What a search of one variant found: its ledger.csv and expected_best.csv."""

    ledger: pd.DataFrame
    expected: pd.DataFrame


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    add_title(arguments)
    add_named(
        arguments,
        "variants",
        "a name for each search",
        ledgers="ledger.csv files",
        expected="expected_best.csv files",
    )


def draw(ledgers: Mapping[str, Path], expected: Mapping[str, Path], title: str) -> Figure:
    """Draw what searches found.

    Args:
        ledgers: variant -> ledger.csv of its search.
        expected: variant -> expected_best.csv of its search.
        title: above the figure.

    Raises:
        UserError: a file cannot be read.
    """
    searches = {
        variant: Found(read_found(ledger), read_found(expected[variant]))
        for variant, ledger in ledgers.items()
    }
    return search_curves(searches, title)


def search_curves(searches: Mapping[str, Found], title: str) -> Figure:
    """The figure.

    Args:
        searches: variant -> what its search found; scores are in [0, 1].
        title: above the figure.
    """
    figure, (best, rates) = plt.subplots(
        1, 2, figsize=(7.5, 2.8), sharey=True, layout="constrained"
    )
    of_variant = colours(list(searches))
    for variant, (ledger, expected) in searches.items():
        colour = of_variant[variant]
        best.plot(
            expected["draws"], 100 * expected["expected_best"],
            color=colour, linewidth=1.3, marker="o", markersize=2,
        )  # fmt: skip
        failed = ledger["status"] != "ok"
        rates.scatter(ledger["lr"][~failed], 100 * ledger["score"][~failed], s=12, color=colour)
        rates.scatter(ledger["lr"][failed], np.zeros(failed.sum()), s=18, color=colour, marker="x")
    best.set(xlabel="draws", ylabel="score on the val images (%)")
    best.xaxis.get_major_locator().set_params(integer=True)
    rates.set(xlabel="learning rate", xscale="log")
    rates.xaxis.set_major_formatter("{x:g}")  # Matplotlib's powers of ten are formulas
    rates.xaxis.set_minor_formatter(NullFormatter())
    for axes in (best, rates):
        axes.grid(alpha=0.25)
    keys = [Line2D([], [], color=of_variant[variant], label=variant) for variant in searches]
    keys.append(Line2D([], [], color="#555555", linestyle="", marker="x", label="failed"))
    figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 6), frameon=False)
    figure.suptitle(title, fontsize=9)
    return figure
