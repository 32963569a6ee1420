"""The table of ratios as a bar chart."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
import pandas as pd


def draw(rows: pd.DataFrame, path: Path) -> None:
    """How many times as long the plain way takes, with the target as a mark, on a log axis.

    Args:
        rows: columns name, ratio, target.
        path: of the picture; its suffix says which kind.
    """
    figure, axes = plt.subplots(figsize=(8, 0.36 * len(rows) + 1.2), layout="constrained")
    places = range(len(rows))[::-1]
    axes.barh(places, rows["ratio"], height=0.6, color="#3b6ea5", label="measured")
    axes.plot(rows["target"], places, "|", color="black", ms=14, mew=2, label="target")
    for place, ratio, target in zip(places, rows["ratio"], rows["target"], strict=True):
        right_of = max(ratio, target)  # the label must not lie under the target's line
        axes.annotate(
            f"{ratio:.3g}x", (right_of, place), (5, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(places, rows["name"])
    axes.set_xscale("log")
    axes.set_xlim(0.8, 2 * rows["ratio"].max())
    axes.set_xlabel("time of the plain way / time of ours")
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=120)
    plt.close(figure)
