"""What galleries share: the choice of images, maps at image size, overlays and outlines."""

import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.part_maps import PARTS, PartMaps
from pipeline.artefacts.shards import Shards
from pipeline.figures.style import MAP_COLOURS, PALETTE, SIGNED_COLOURS, SMALL
from pipeline.images.enlarging import resized

PART_COLOURS = dict(zip(PARTS, (*PALETTE[:6], "#F0E442"), strict=True))


def choose_images(records: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Rows of ``records``, drawn at random, of as many different classes as there are."""
    drawn = records.iloc[np.random.default_rng(seed).permutation(len(records))]
    turn = drawn.groupby("label").cumcount()  # 0 for the first drawn of a class, 1 for the second
    return drawn.loc[turn.sort_values(kind="stable").index[:count]]


def choose_pairs(pairs: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Rows of ``pairs``, drawn at random, from each number of differing parts in turn."""
    drawn = pairs.iloc[np.random.default_rng(seed).permutation(len(pairs))]
    turn = drawn.groupby("n_parts").cumcount()
    chosen = drawn.assign(turn=turn).sort_values(["turn", "n_parts"], kind="stable")[:count]
    return chosen.sort_values("n_parts", kind="stable").drop(columns="turn")


def stored_images(shards: Shards, image_ids: Sequence[str]) -> dict[str, np.ndarray]:
    """The images as the network gets them: image id -> uint8 (S, S, 3)."""
    index = {image_id: number for number, image_id in enumerate(shards.image_ids)}
    return {name: shards.image(index[name]) for name in image_ids}


@contextmanager
def open_stores(paths: Mapping[str, Path]) -> Iterator[dict[str, MapStore]]:
    """Files of maps by their names, open while the block lasts; UserError if one holds no maps."""
    with ExitStack() as files:
        yield {name: files.enter_context(MapStore.open(path)) for name, path in paths.items()}


def part_labels(path: Path | None) -> dict[str, np.ndarray]:
    """Image id -> label map (S, S) uint8 of the part maps at ``path``; empty without a path."""
    if path is None:
        return {}
    part_maps = PartMaps.load(path)
    return dict(zip(part_maps.image_ids, part_maps.labels, strict=True))


def enlarge(score_map: np.ndarray, side: int) -> np.ndarray:
    """(h, w) -> (side, side), bilinear with half-pixel centres, as the evaluations do."""
    return resized(np.asarray(score_map, np.float32)[None], (side, side))[0]


def scaled(score_map: np.ndarray) -> tuple[np.ndarray, float]:
    """A map as the fraction of its maximum, and the maximum; what is negative becomes 0."""
    peak = max(float(score_map.max()), 0.0)
    return np.clip(score_map, 0, None) / (peak or 1.0), peak


def signed(score_map: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """A signed map (h, w) as (side, side) fractions of its largest size, and that."""
    large = enlarge(score_map, side)
    peak = float(np.abs(large).max())
    return large / (peak or 1), peak


def overlay(image: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """A map (S, S) in [0, 1] in colours over the grey image (S, S, 3) uint8: float (S, S, 3)."""
    grey = image.mean(axis=2, keepdims=True) / 255  # (S, S, 1)
    return 0.5 * grey + 0.5 * colormaps[MAP_COLOURS](fraction)[..., :3]


def signed_overlay(image: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """A map (S, S) in [-1, 1] in colours, white at 0, times the light grey image: (S, S, 3)."""
    grey = image.mean(axis=2, keepdims=True) / 255  # (S, S, 1)
    return (0.6 + 0.4 * grey) * colormaps[SIGNED_COLOURS]((fraction + 1) / 2)[..., :3]


def show_map(axes: Axes, image: np.ndarray, score_map: np.ndarray) -> float:
    """Draw a map (h, w) over its image (S, S, 3), as fractions of its maximum; returns that."""
    fraction, peak = scaled(enlarge(score_map, len(image)))
    axes.imshow(overlay(image, fraction))
    bare(axes)
    return peak


def show_signed(axes: Axes, image: np.ndarray, score_map: np.ndarray) -> float:
    """Draw a signed map over its image as the fraction of its largest size, its result."""
    fraction, peak = signed(score_map, len(image))
    axes.imshow(signed_overlay(image, fraction))
    bare(axes)
    return peak


def number(value: float) -> str:
    """A number with two digits, or whole from 100 on."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}"


def words(name: str) -> str:
    """``integrated_gradients_released`` -> lines of words that are as wide as a panel."""
    return textwrap.fill(name.replace("_", " "), 20)


def outline_parts(axes: Axes, labels: np.ndarray, linewidth: float = 0.8) -> None:
    """Outline every part of a label map (S, S) in its colour."""
    for part, colour in PART_COLOURS.items():
        outline(axes, labels == part, colour, linewidth)


def outline(axes: Axes, mask: np.ndarray, colour: str, linewidth: float = 0.8) -> None:
    """Outline a mask (S, S)."""
    if mask.any():
        # The frame of zeros closes outlines at the border of the image.
        places = np.arange(-1, len(mask) + 1)
        axes.contour(
            places, places, np.pad(mask, 1), levels=[0.5], colors=[colour], linewidths=linewidth
        )
        axes.set(xlim=(-0.5, len(mask) - 0.5), ylim=(len(mask) - 0.5, -0.5))


def outline_on_any(axes: Axes, mask: np.ndarray) -> None:
    """Outline a mask (S, S) in black on white, which shows on any ground."""
    for colour, width in (("white", 1.6), ("black", 0.7)):
        outline(axes, mask, colour, width)


def panels(
    rows: int,
    columns: int,
    side: float,
    *,
    between: float,
    above: float,
    below: float,
    apart: Collection[int] = (),
) -> tuple[Figure, np.ndarray]:
    """A figure of square panels, all lengths in inches.

    Args:
        rows, columns: of panels.
        side: of a panel.
        between: height between two rows, for what is written there.
        above, below: height above the first and below the last row.
        apart: columns that stand a little further from the one before.

    Returns:
        The figure, and its axes (rows, columns).
    """
    gap, more = 0.06, 0.12
    lefts = [c * (side + gap) + more * sum(k <= c for k in apart) for c in range(columns)]
    width = lefts[-1] + side + gap
    height = above + rows * side + (rows - 1) * between + below
    figure = plt.figure(figsize=(width, height))
    axes = np.empty((rows, columns), dtype=object)
    for row, column in np.ndindex(rows, columns):
        top = above + row * (side + between)
        left, bottom = lefts[column], height - top - side
        place = (left / width, bottom / height, side / width, side / height)
        axes[row, column] = figure.add_axes(place)
    return figure, axes


def colour_bar(
    figure: Figure, scale: ScalarMappable, ticks: Mapping[int, str], *, left: float = 0.5
) -> None:
    """A colour bar 0.3 inches above the figure's lower end, ``left`` inches from its left one."""
    width, height = figure.get_size_inches()
    bar = figure.add_axes((left / width, 0.3 / height, 2 / width, 0.1 / height))
    figure.colorbar(scale, cax=bar, orientation="horizontal")
    bar.set_xticks(list(ticks), list(ticks.values()), fontsize=SMALL)


def heading(axes: Axes, text: str, *, line: int = 0, bold: bool = False) -> None:
    """Text above a panel and its title, ``line`` lines up, from the panel's left edge."""
    axes.annotate(
        text,
        (0, 1),
        (0, 12 + 10 * line),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SMALL,
        weight="bold" if bold else "normal",
    )


def headings(
    panels: Sequence[Axes] | np.ndarray, names: Sequence[str], *, variants: bool = True
) -> None:
    """Name panels "variant/method": every method, and each variant above its first panel."""
    split = [name.rpartition("/") for name in names]
    line = max(words(method).count("\n") + 1 for *_, method in split)
    seen = set()
    for panel, (variant, _, method) in zip(panels, split, strict=True):
        heading(panel, words(method))
        if variants and variant not in seen:
            heading(panel, variant, line=line, bold=True)
            seen.add(variant)


def bare(axes: Axes) -> None:
    """No ticks and no frame."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
