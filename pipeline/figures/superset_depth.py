"""Supersets by depth: maps summed over ever larger sets of WordNet (the paper's Figs. 6 and 11)."""

import textwrap
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from pipeline.artefacts.classes import read_class_names, read_titles, wnids_of
from pipeline.artefacts.records import read_records
from pipeline.artefacts.shards import open_shards
from pipeline.artefacts.supersets import read_supersets
from pipeline.attribution.query import Query
from pipeline.catalogue import imagenet
from pipeline.figures import pictures
from pipeline.figures.arguments import add_images, add_title
from pipeline.figures.style import MAP_COLOURS, SMALL
from pipeline.images.loading import normalise
from pipeline.models import load_model
from pipeline.models.study_models import Model
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import Machine, add_machine
from pipeline.settings import Report
from pipeline.supersets.tree import classes_below, read_tree

_INCH = 1.25  # of a panel
_SETS = 8  # at most this many sets of a class
_METHODS = {"calm": "subset", "cam": "cam_superset"}  # by kind of model


class Synset(NamedTuple):
    """A node of the is-a tree: its wnid, and the labels of the classes at or below it."""

    wnid: str
    classes: tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """One row of the figure.

    Attributes:
        image: uint8 (S, S, 3).
        probability: p(y|x) of its class.
        names: of the sets, from the class itself to the largest.
        sets: their classes.
        maps: (K, h, w), one per set, not negative.
        superset: index of the set that the study sums over, or None.
    """

    image: np.ndarray
    probability: float
    names: list[str]
    sets: list[tuple[int, ...]]
    maps: np.ndarray
    superset: int | None


def add_arguments(arguments: ArgumentParser) -> None:
    """Add the inputs of the figure."""
    arguments.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    add_images(arguments)
    arguments.add_argument("--supersets", type=Path, required=True, help="supersets.json")
    arguments.add_argument(
        "--is-a",
        type=Path,
        nargs="?",
        const=imagenet.IS_A,
        default=imagenet.IS_A,
        help="supersets.is_a; none: the shipped edges",
    )
    add_title(arguments)
    add_machine(arguments)


def draw(
    weights: Path,
    shards: Path,
    records: Path,
    classes: Path,
    supersets: Path,
    title: str,
    section: Report,
    machine: Machine,
    is_a: Path = imagenet.IS_A,
) -> Figure:
    """Draw the maps of ever larger sets of classes.

    Args:
        weights: weights.safetensors of the model.
        shards: manifest.json of the test split.
        records: of the test split.
        classes: classes.csv, whose names begin with wnids.
        supersets: supersets.json of the data set.
        title: above the figure.
        section: which images, and how many.
        machine: what to compute on.
        is_a: WordNet's is-a edges.

    Raises:
        UserError: a file cannot be read or belongs to other data.
    """
    model = load_model(weights).to(machine.device)
    wnids, titles = wnids_of(read_class_names(classes)), read_titles(classes)
    if len(wnids) != model.num_classes:
        raise UserError(
            f"{weights} knows {model.num_classes} classes, {classes} has {len(wnids)}. "
            "They belong to different data: delete the older one and run again."
        )
    tree = read_tree(is_a)
    below = classes_below(tree, wnids)
    set_of = read_supersets(supersets)
    name_of = imagenet.synset_names() | dict(zip(wnids, titles, strict=True))
    chosen = pictures.choose_images(read_records(records), section.gallery_images, section.seed)
    images = pictures.stored_images(open_shards(shards), list(chosen["image_id"]))
    examples = []
    for record in chosen.itertuples():
        superset = tuple(sorted(set_of[record.label]))
        sets = thinned(path_up(tree, below, wnids[record.label]), superset)
        image = images[record.image_id]
        maps, probability = summed_maps(model, image, record.label, sets)
        examples.append(
            Example(
                image,
                probability,
                names=[name_of.get(synset.wnid, synset.wnid) for synset in sets],
                sets=[synset.classes for synset in sets],
                maps=maps,
                superset=next((k for k, each in enumerate(sets) if each.classes == superset), None),
            )
        )
    return superset_depth(examples, title)


def path_up(
    tree: Mapping[str, Sequence[str]], below: Mapping[str, set[int]], wnid: str
) -> list[Synset]:
    """From a class up the is-a tree, each synset that adds classes to the one before.

    Args:
        tree: child -> parents, of which the last is followed.
        below: node -> the classes at or below it.
        wnid: of the class.
    """
    path = [Synset(wnid, tuple(sorted(below[wnid])))]
    while wnid in tree:
        wnid = tree[wnid][-1]
        if len(below[wnid]) > len(path[-1].classes):
            path.append(Synset(wnid, tuple(sorted(below[wnid]))))
    return path


def thinned(path: Sequence[Synset], kept: tuple[int, ...], most: int = _SETS) -> list[Synset]:
    """At most ``most`` synsets of a path, whose sizes grow by ratios as equal as possible.

    One after the other goes, the one whose neighbours have the smallest ratio of sizes. The first,
    the last and the one whose classes are ``kept`` stay.
    """
    path = list(path)
    while len(path) > most:
        gaps = {
            index: len(path[index + 1].classes) / len(path[index - 1].classes)
            for index in range(1, len(path) - 1)
            if path[index].classes != kept
        }
        del path[min(gaps, key=gaps.__getitem__)]
    return path


@torch.inference_mode()
def summed_maps(
    model: Model, image: np.ndarray, label: int, sets: Sequence[Synset]
) -> tuple[np.ndarray, float]:
    """The maps of sets of classes (K, h, w), and p(y|x) of the label.

    Args:
        model: in evaluation mode.
        image: uint8 (S, S, 3).
        label: the image's.
        sets: K of them.
    """
    device = next(model.parameters()).device
    inputs = normalise(torch.from_numpy(image).permute(2, 0, 1)[None]).to(device)  # (1, 3, S, S)
    nowhere = torch.zeros(len(sets), dtype=torch.long, device=device)  # all of image 0
    query = Query(model, inputs, nowhere, [synset.classes for synset in sets], ["image"])
    maps = query.maps(_METHODS[model.kind])
    return maps.cpu().numpy(), float(query.log_probs[0, label].exp())


def superset_depth(examples: Sequence[Example], title: str) -> Figure:
    """The figure: one row per image, its sets from the class to the root, the study's in bold."""
    columns = 1 + max(len(example.names) for example in examples)
    figure, axes = pictures.panels(
        len(examples), columns, _INCH, between=0.48, above=0.75, below=0.65
    )
    for (image, *panels), example in zip(axes, examples, strict=True):
        image.imshow(example.image)
        image.set_title(f"p(y|x) {example.probability:.2f}", fontsize=SMALL, pad=2, loc="left")
        pictures.bare(image)
        for index, name in enumerate(example.names):
            _map(panels[index], example, index, name)
        for panel in panels[len(example.names) :]:
            panel.remove()
    pictures.heading(axes[0, 0], title, line=2)
    pictures.colour_bar(figure, ScalarMappable(cmap=MAP_COLOURS), {0: "0", 1: "maximum of the map"})
    return figure


def _map(panel: Axes, example: Example, index: int, name: str) -> None:
    peak = pictures.show_map(panel, example.image, example.maps[index])
    count = len(example.sets[index])
    noun = "class" if count == 1 else "classes"
    panel.set_title(
        f"{textwrap.fill(name, 22)}\n{count} {noun}, max {pictures.number(peak)}",
        fontsize=SMALL,
        pad=2,
        loc="left",
        weight="bold" if index == example.superset else "normal",
    )
