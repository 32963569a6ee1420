"""Draw dogs.svg: what CAM's superset map of a dog shows as its set of classes climbs WordNet.

Of config/imagenet_methods.yaml: the one photograph of each breed, EfficientNet-Lite0's maps of 7x7
cells. Writes docs/tables/imagenet_methods/dogs.csv as well.

python docs/images/dogs.py results/imagenet_methods
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from scipy.stats import spearmanr

from pipeline.artefacts.records import read_records
from pipeline.artefacts.shards import open_shards
from pipeline.attribution.query import Query
from pipeline.catalogue import imagenet
from pipeline.evaluation.bootstrap import bootstrap
from pipeline.evaluation.complexity.complexity import entropy
from pipeline.figures import pictures
from pipeline.figures.style import PALETTE, save, use_style
from pipeline.figures.superset_depth import path_up
from pipeline.images.center_gaussian import center_gaussian
from pipeline.images.loading import normalise
from pipeline.models import load_model
from pipeline.supersets.tree import classes_below, read_tree

HERE = Path(__file__).parent
TABLE = HERE.parent / "tables/imagenet_methods/dogs.csv"
DOG = "n02084071"
ABOVE = {
    "dog": DOG,
    "canine": "n02083346",
    "carnivore": "n02075296",
    "mammal": "n01861778",
    "animal": "n00015388",
    "everything": "n00001740",
}
SUMS = {"cam_superset_positive": "positive activations", "cam_superset": "min-max maps"}
VALUES = {
    "like_own": "rank correlation with the breed's own map",
    "cells": "cells under the map, of 49",
    "like_centre": "rank correlation with a centre Gaussian",
}


@cache
def hierarchy() -> tuple[list[str], dict[str, tuple[str, ...]], dict[str, set[int]]]:
    """The classes' wnids, the is-a edges, and the classes below each synset."""
    wnids = imagenet.class_wnids()
    tree = read_tree(imagenet.IS_A, "all")  # a dog is a domestic animal and a canine
    return wnids, tree, classes_below(tree, wnids)


def sets_of(breed: int) -> dict[str, tuple[int, ...]]:
    """Level -> its classes, for one breed: itself, the largest group of dogs with it, and above."""
    wnids, tree, below = hierarchy()
    sets = {"breed": (breed,)}
    groups = [
        synset for synset in path_up(tree, below, wnids[breed]) if set(synset.classes) < below[DOG]
    ]
    if len(groups) > 1:
        sets["group of breeds"] = groups[-1].classes
    return sets | {level: tuple(sorted(below[wnid])) for level, wnid in ABOVE.items()}


@torch.inference_mode()
def measure(results: Path) -> pd.DataFrame:
    """One row for each photograph of a dog, level and kind of sum."""
    model = load_model(results / "models/imagenet/lite0/lite0/seed0/weights.safetensors")
    records = read_records(results / "datasets/imagenet/test.parquet")
    dogs = sets_of(imagenet.class_wnids().index("n02110341"))["dog"]  # of the dalmatian
    records = records[records.label.isin(dogs)]
    shards = open_shards(results / "shards/imagenet/test/manifest.json")
    images = pictures.stored_images(shards, list(records.image_id))
    rows = []
    for record in records.itertuples():
        levels = sets_of(record.label)
        image = torch.from_numpy(images[record.image_id]).permute(2, 0, 1)[None]  # (1, 3, S, S)
        nowhere = torch.zeros(len(levels), dtype=torch.long)
        query = Query(model, normalise(image), nowhere, list(levels.values()), ["image"])
        for method, name in SUMS.items():
            maps = query.maps(method).double().numpy()  # (K, 7, 7)
            for (level, classes), score_map in zip(levels.items(), maps, strict=True):
                rows.append(
                    {
                        "image_id": record.image_id,
                        "sum": name,
                        "level": level,
                        "classes": len(classes),
                        "probability": float(query.log_probs[0, list(classes)].exp().sum()),
                        "like_own": spearmanr(score_map.ravel(), maps[0].ravel()).statistic,
                        "cells": np.exp(entropy(score_map)),
                        "like_centre": spearmanr(
                            score_map.ravel(), center_gaussian(len(score_map)).ravel()
                        ).statistic,
                    }
                )
    return pd.DataFrame(rows)


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean of every level with its interval over photographs."""
    table = []
    for (kind, level), group in rows.groupby(["sum", "level"], sort=False):
        row = {"sum": kind, "level": level, "images": len(group)}
        row |= {"classes": group.classes.mean(), "probability": group.probability.mean()}
        for name in VALUES:
            defined = group[name].dropna().to_numpy()
            row |= {name: defined.mean(), f"{name}_undefined": len(group) - len(defined)}
            row[f"{name}_low"], row[f"{name}_high"] = bootstrap(defined)
        table.append(row)
    return pd.DataFrame(table)


def draw(table: pd.DataFrame) -> None:
    """One panel for each value, one line for each kind of sum."""
    use_style()
    order = ["breed", "group of breeds", *ABOVE]
    figure, axes = plt.subplots(1, len(VALUES), figsize=(12, 2.8), layout="constrained")
    for place, (name, title) in zip(axes, VALUES.items(), strict=True):
        for kind, colour in zip(SUMS.values(), PALETTE, strict=False):
            line = table[table["sum"] == kind].set_index("level").loc[order]
            at = range(len(order))
            place.fill_between(
                at, line[f"{name}_low"], line[f"{name}_high"], color=colour, alpha=0.15, lw=0
            )
            place.plot(at, line[name], color=colour, marker="o", ms=4, lw=1.2, label=kind)
        place.set_title(title)
        names = [f"{level} ({round(line.classes[level])})" for level in order]
        place.set_xticks(at, names, rotation=35, ha="right")
        place.legend(frameon=False, fontsize=7)
    save(figure, [HERE / "dogs.svg"], 150)


if __name__ == "__main__":
    table = means(measure(Path(sys.argv[1])))
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    table.round(4).to_csv(TABLE, index=False)
    draw(table)
