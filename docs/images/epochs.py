"""Draw epochs.svg: CAM and CALM-EM after each epoch of config/cub_factors.yaml.

The tables of that study, with intervals over test images, lie in docs/tables/cub50_factors.

python docs/images/epochs.py
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from pipeline.figures.style import PALETTE, save, use_style

HERE = Path(__file__).parent
TABLES = HERE.parent / "tables/cub50_factors"
CAM = [*(f"cam_after_{epoch}" for epoch in range(1, 5)), "cam"]
EM = [*(f"em_after_{epoch}" for epoch in range(1, 5)), "calm_em"]
EPOCHS = np.arange(1, 6)
CELLS, PIXELS = 14**2, 224**2  # the entropy is that of the enlarged map
# name of a line -> the models after each epoch, their map, colour and marker
LINES = {
    "CAM": (CAM, "cam", PALETTE[0], "o"),
    "CALM-EM": (EM, "joint", PALETTE[1], "s"),
    "CALM-EM, superset": (EM, "subset", PALETTE[2], "^"),
    "CALM-EM, p(z|x)": (EM, "saliency", PALETTE[3], "D"),
}
# title -> table, column, its lines, and whether its values are nats that become cells
PANELS = {
    "Accuracy (%)": ("accuracy", "top1", ("CAM", "CALM-EM"), False),
    "Cues: mPxAP (%)": ("cue_localization", "weighted", ("CAM", "CALM-EM"), False),
    "MaxBoxAccV2 (%)": ("wsol", "maxboxaccv2", ("CAM", "CALM-EM", "CALM-EM, superset"), False),
    "Cells under p(z|x), of 196": (
        "faithfulness",
        "complexity.complexity",
        ("CALM-EM, p(z|x)",),
        True,
    ),
}


def read(table: str) -> pd.DataFrame:
    """A table's measured rows, of cues those of maps as they are."""
    rows = pd.read_csv(TABLES / f"{table}.csv")
    if "normalisation" in rows:
        rows = rows[rows.normalisation == "raw"]
    return rows


def draw() -> None:
    """Four panels side by side, one line for each map."""
    use_style()
    figure, axes = plt.subplots(1, len(PANELS), figsize=(12, 2.8), layout="constrained")
    for place, (title, (table, column, lines, nats)) in zip(axes, PANELS.items(), strict=True):
        rows = read(table)
        for name in lines:
            models, method, colour, marker = LINES[name]
            of_map = rows[rows.method == method] if "method" in rows else rows
            of_map = of_map.set_index("variant").loc[models]
            value, low, high = (
                of_map[each].to_numpy() for each in (column, f"{column}_low", f"{column}_high")
            )
            if nats:
                value, low, high = (np.exp(each) * CELLS / PIXELS for each in (value, low, high))
            place.fill_between(EPOCHS, low, high, color=colour, alpha=0.15, lw=0)
            place.plot(EPOCHS, value, color=colour, marker=marker, ms=4, lw=1.2, label=name)
        if table == "wsol":
            (centre,) = rows[rows.method == "center_gaussian"][column]
            place.set_ylim(bottom=44)  # room for the names
            place.axhline(centre, color="black", ls="--", lw=0.8, label="centre Gaussian")
        place.set(title=title, xlabel="after epoch", xticks=EPOCHS)
        place.legend(frameon=False, fontsize=7)
    save(figure, [HERE / "epochs.svg"], 150)


if __name__ == "__main__":
    draw()
