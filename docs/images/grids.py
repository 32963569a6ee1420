"""Draw grids.svg: cues and boxes of CAM and CALM-EM on real birds, by map size, dilation and trunk.

From the tables in docs/tables, with their intervals.

python docs/images/grids.py
"""

import re
from pathlib import Path

from matplotlib import pyplot as plt

from pipeline.figures.style import PALETTE, save, use_style

HERE = Path(__file__).parent
TABLES = HERE.parent / "tables"
# name -> folder of tables, heading of the section, variant of CAM, variant of CALM-EM
SETTINGS = {
    "Lite0, 7x7": ("cub50_grid", "cub, native", "cam", "calm_em"),
    "Lite0, 14x14 dilated,\ngradient through": ("cub50_through", "cub, lite0", "cam", "calm_em"),
    "Lite0, 14x14 dilated,\nthree seeds": ("cub50_lite0_seeds", "cub, lite0", "cam", "calm_em"),
    "the first seed\nread at 28x28": ("cub50_read28", "cub, lite0", "cam", "calm_em"),
    "Lite0, 14x14 not dilated,\nthree seeds": (
        "cub50_undilated",
        "cub, undilated",
        "cam",
        "calm_em",
    ),
    "SqueezeNet, 14x14,\nbatch norm for CALM-EM": (
        "cub50_squeezenet_bn",
        "cub, squeezenet",
        "cam_plain",
        "calm_em",
    ),
}
# name of a dot -> its map, whether CALM-EM's, colour and marker
DOTS = {
    "CAM": ("cam", False, PALETTE[0], "o"),
    "CALM-EM": ("joint", True, PALETTE[1], "s"),
    "CALM-EM, superset": ("subset", True, PALETTE[2], "^"),
}
# title -> table, column, its dots, name and value of the floor
PANELS = {
    "Cues: mPxAP (%)": ("cue_localization", "Mean by pairs", ("CAM", "CALM-EM"), ("chance", 11.7)),
    "Boxes: MaxBoxAccV2 (%)": ("wsol", "MaxBoxAccV2", tuple(DOTS), ("centre Gaussian", 56.3)),
}
CELL = re.compile(r"([\d.]+) \[([\d.]+), ([\d.]+)\]")


def read(folder: str, table: str, section: str, column: str) -> dict[tuple[str, str], list[float]]:
    """(model, map) -> value, lower and upper end, from the first section of that name."""
    text = (TABLES / folder / f"{table}.md").read_text()
    body = text.split(f"\n## {section}", 1)[1].split("\n## ")[0]
    lines = [line for line in body.splitlines() if line.startswith("|")]
    header, *rows = ([cell.strip(" *") for cell in line.split("|")] for line in lines)
    at = header.index(column)
    return {
        (cells[1], cells[2]): [float(number) for number in found.groups()]
        for cells in rows
        if (found := CELL.match(cells[at]))
    }


def draw() -> None:
    """Two panels, one row for each setting, one dot for each map."""
    use_style()
    figure, axes = plt.subplots(
        1, len(PANELS), figsize=(10, 3.4), sharey=True, layout="constrained"
    )
    for place, (title, (table, column, names, floor)) in zip(axes, PANELS.items(), strict=True):
        for row, (folder, section, cam, calm) in enumerate(SETTINGS.values()):
            values = read(folder, table, section, column)
            for name in names:
                method, of_calm, colour, marker = DOTS[name]
                value, low, high = values[calm if of_calm else cam, method]
                at = row + 0.2 * (names.index(name) - (len(names) - 1) / 2)
                place.plot([low, high], [at, at], color=colour, lw=1.2)
                label = name if row == 0 else None
                place.plot(value, at, color=colour, marker=marker, ms=5, lw=0, label=label)
        place.axvline(floor[1], color="black", ls="--", lw=0.8, label=floor[0])
        place.set_title(title)
        place.set_yticks(range(len(SETTINGS)), SETTINGS)
        place.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    axes[0].invert_yaxis()
    save(figure, [HERE / "grids.svg"], 150)


if __name__ == "__main__":
    draw()
