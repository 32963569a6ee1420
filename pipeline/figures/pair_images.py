"""What figures of class pairs share: which pairs, an image of each, the difference of maps."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.artefacts.classes import read_class_names, read_titles
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import named_labels, read_pairs
from pipeline.artefacts.part_maps import PARTS, PartMaps, part_table
from pipeline.artefacts.records import read_records
from pipeline.artefacts.shards import open_shards
from pipeline.artefacts.targets import class_target, counterfactual_target
from pipeline.figures import pictures
from pipeline.figures.arguments import add_images, add_maps, add_title
from pipeline.runtime.errors import UserError
from pipeline.settings import ClassPair, Report

_Of = TypeVar("_Of")


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of a figure of class pairs."""
    add_images(arguments)
    arguments.add_argument("--pairs", type=Path, required=True, help="class pairs, .csv")
    arguments.add_argument("--part-maps", type=Path, nargs="?", help="part maps, if there are any")
    arguments.add_argument(
        "--class-pairs",
        type=json.loads,
        default=(),
        help="pairs to show first: [[name, name], ...]",
    )
    add_maps(arguments)
    add_title(arguments)


class Shown:
    """Some class pairs, and an image of the first class of each.

    Attributes:
        pairs: rows of pairs.csv, class A first.
        image_ids: an image of class A for each.
        parts: the part maps, or None where the data set has none.
    """

    def __init__(self, pairs: list[Any], image_ids: list[str], parts: PartMaps | None) -> None:
        self.pairs, self.image_ids, self.parts = pairs, image_ids, parts
        self._row_of = {name: row for row, name in enumerate(parts.image_ids)} if parts else {}

    def cue_and_bird(self, index: int) -> tuple[np.ndarray, np.ndarray] | None:
        """The cue mask and the foreground, bool (S, S) each; None without part maps."""
        if self.parts is None:
            return None
        labels = self.parts.labels[self._row_of[self.image_ids[index]]]
        return part_table(self.pairs[index].parts)[labels], labels > 0

    def title(self, index: int, names: Sequence[str]) -> str:
        """Classes and differing parts of a pair, on lines of their own."""
        pair = self.pairs[index]
        lines = [names[pair.label_a], f"not {names[pair.label_b]}"]
        if pair.parts:
            lines.append(f"({', '.join(PARTS[part] for part in pair.parts)})")
        return "\n".join(lines)


@dataclass(frozen=True)
class Example(Generic[_Of]):
    """One row of a figure: an image of class A, which is contrasted with class B.

    Attributes:
        title: classes and differing parts.
        image: uint8 (S, S, 3).
        cue: bool (S, S), the cue mask; None where the data set knows no parts.
        bird: bool (S, S), the foreground; None as well.
        found: "variant/method" -> what the figure shows of its maps.
    """

    title: str
    image: np.ndarray
    cue: np.ndarray | None
    bird: np.ndarray | None
    found: dict[str, _Of]


def images_of_pairs(
    shards: Path,
    records: Path,
    classes: Path,
    pairs: Path,
    maps: Mapping[str, Path],
    part_maps: Path | None,
    named: Sequence[ClassPair],
    count: int,
    seed: int,
    read: Callable[[MapStore, str, int, int], _Of],
) -> list[Example[_Of]]:
    """The images of the pairs that a figure shows.

    Args:
        shards: manifest.json of the test split.
        records, classes, pairs, part_maps, named, count, seed: see :func:`choose`.
        maps: "variant/method" -> file of its maps.
        read: (maps, image, label of A, label of B) -> what the figure shows of them.

    Raises:
        UserError: a file cannot be read or belongs to other data, or no chosen pair has an image
            with a visible cue.
    """
    shown = choose(pairs, records, classes, part_maps, named, count, seed)
    names = read_titles(classes)
    images = pictures.stored_images(open_shards(shards), shown.image_ids)
    examples = []
    with pictures.open_stores(maps) as stores:
        for index, (pair, image_id) in enumerate(zip(shown.pairs, shown.image_ids, strict=True)):
            cue, bird = shown.cue_and_bird(index) or (None, None)
            found = {
                name: read(store, image_id, pair.label_a, pair.label_b)
                for name, store in stores.items()
            }
            title = shown.title(index, names)
            examples.append(Example(title, images[image_id], cue, bird, found))
    return examples


def drawing(
    figure: Callable[[Sequence[Example[_Of]], str], Figure],
    read: Callable[[MapStore, str, int, int], _Of],
    count: Callable[[Report], int],
) -> Callable[..., Figure]:
    """The function ``draw`` of a figure of class pairs.

    Args:
        figure: (images of the pairs, title) -> the figure.
        read: see :func:`images_of_pairs`.
        count: how many pairs a report's section asks for.
    """

    def draw(
        shards: Path,
        records: Path,
        classes: Path,
        pairs: Path,
        maps: Mapping[str, Path],
        title: str,
        section: Report,
        part_maps: Path | None = None,
        class_pairs: Sequence[ClassPair] = (),
    ) -> Figure:
        """Draw the figure.

        Args:
            shards: manifest.json of the test split.
            records: of the test split.
            classes: classes.csv of the data set.
            pairs: pairs.csv of the data set.
            maps: "variant/method" -> file of its maps.
            title: above the figure.
            section: which pairs, and how many.
            part_maps: file of its part maps, if there are any.
            class_pairs: those that are shown first.

        Raises:
            UserError: see :func:`images_of_pairs`.
        """
        examples = images_of_pairs(
            shards,
            records,
            classes,
            pairs,
            maps,
            part_maps,
            class_pairs,
            count(section),
            section.seed,
            read,
        )
        return figure(examples, title)

    return draw


def choose(
    pairs: Path,
    records: Path,
    classes: Path,
    part_maps: Path | None,
    named: Sequence[ClassPair],
    count: int,
    seed: int,
) -> Shown:
    """Choose class pairs and an image of each: the named ones, then others at random.

    Args:
        pairs: pairs.csv of the data set.
        records: of the test split.
        classes: classes.csv of the data set.
        part_maps: file of its part maps, if there are any: a differing part is then visible.
        named: pairs that are shown whatever the count, in this order and with this class A.
        count: how many pairs in all, unless more are named.
        seed: of the random choice.

    Raises:
        UserError: a file cannot be read, a named pair has no maps, or no pair has an image.
    """
    table, images = read_pairs(pairs), read_records(records)
    parts = PartMaps.load(part_maps) if part_maps else None
    first = _named(table, read_class_names(classes), named)
    others = table.drop(index=first.index) if len(first) else table
    drawn = pictures.choose_pairs(others, max(count - len(first), 0), seed)
    found = [
        (pair, image)
        for pair in pd.concat([first, drawn]).itertuples()
        if (image := choose_image(pair, images, parts, seed))
    ]
    if not found:
        raise UserError(
            "No chosen class pair has an image with a visible cue: raise gallery_pairs."
            if parts
            else f"{records} has no image of a class of {pairs}: name other `class_pairs`."
        )
    return Shown([pair for pair, _ in found], [image for _, image in found], parts)


def _named(table: pd.DataFrame, names: Sequence[str], named: Sequence[ClassPair]) -> pd.DataFrame:
    """The rows of the named pairs, the class that is named first as class A."""
    labels, faults = named_labels(names, [(first, second) for first, second in named])
    rows = []
    for a, b in labels:
        same = table[
            ((table["label_a"] == a) & (table["label_b"] == b))
            | ((table["label_a"] == b) & (table["label_b"] == a))
        ]
        if same.empty:
            faults.append(f"class_pairs: there are no maps of {names[a]!r} against {names[b]!r}")
            continue
        row = same.iloc[[0]]
        if int(row["label_a"].iloc[0]) == b:
            turned = {"class_a": "class_b", "class_b": "class_a"}
            turned |= {"label_a": "label_b", "label_b": "label_a"}
            row = row.rename(columns=turned)[list(table.columns)]
        rows.append(row)
    if faults:
        raise UserError("\n".join(faults))
    return pd.concat(rows) if rows else table.iloc[:0]


def choose_image(
    pair: Any, records: pd.DataFrame, part_maps: PartMaps | None, seed: int
) -> str | None:
    """An image of the pair's class A, at random; with part maps, one that shows a differing part.

    None where there is none.
    """
    of_class = records.loc[records["label"] == pair.label_a, "image_id"].to_list()
    if part_maps is not None:
        shown = np.any(part_maps.visible[:, np.array(pair.parts) - 1], axis=1)
        both, known = set(of_class), zip(part_maps.image_ids, shown, strict=True)
        of_class = [image_id for image_id, visible in known if visible and image_id in both]
    if not of_class:
        return None
    return str(np.random.default_rng([seed, pair.class_a, pair.class_b]).choice(of_class))


def difference(store: MapStore, image_id: str, label: int, other: int) -> np.ndarray:
    """s_A - s_B (h, w): stored, or the difference of two stored maps."""
    if store.kind == "counterfactual":
        return store.maps[store.lookup(image_id, counterfactual_target(label, other))]
    first, second = (store.maps[store.lookup(image_id, class_target(y))] for y in (label, other))
    return first - second
