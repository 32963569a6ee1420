"""The shipped facts about the 1000 ImageNet classes: names, is-a edges, annotation, Table 4.

The tables in imagenet_data/ are a part of WordNet 3.0 (imagenet_data/WORDNET_LICENSE.txt).
"""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml

DATA = Path(__file__).parent / "imagenet_data"
IS_A = DATA / "is_a.txt"  # every edge of WordNet above one of the classes


def class_names() -> list[str]:
    """Names of the 1000 classes ('n01440764 tench'), in the order of their usual indices."""
    return [row["name"] for row in _rows("classes.csv")]


def class_wnids() -> list[str]:
    """The wnids of the 1000 classes, in the order of their usual indices."""
    return [name.split()[0] for name in class_names()]


def synset_names() -> dict[str, str]:
    """Names of the synsets above one of the 1000 classes, by wnid: the first of each."""
    return {row["wnid"]: row["name"] for row in _rows("synsets.csv")}


def read_annotation(kind: Literal["disjoint", "paper"]) -> dict[str, str]:
    """The nodes marked ``hom`` in annotation.yaml, which says how to edit it.

    Args:
        kind: "disjoint": no root lies below another, and the number of singletons is the paper's;
            "paper": Table 4 as it is printed.

    Returns:
        wnid -> name.
    """
    annotation = yaml.safe_load((DATA / "annotation.yaml").read_text())
    return annotation["hom"] | annotation[f"hom_{kind}"]


def compare_with_table4(classes_below: Mapping[str, Collection[int]]) -> list[dict[str, Any]]:
    """The paper's Table 4 compared with a tree: one row for each of its 118 different synsets.

    Args:
        classes_below: wnid -> the classes below it, see `pipeline.supersets.tree.classes_below`.

    Returns:
        Rows of wnid, name, printed (the table's number of classes) and counted (the tree's).
    """
    table = {row["wnid"]: row for row in _rows("table4_supersets.csv")}
    return [
        {
            "wnid": wnid,
            "name": row["name"],
            "printed": int(row["classes"]),
            "counted": len(classes_below.get(wnid, ())),
        }
        for wnid, row in table.items()
    ]


def _rows(name: str) -> list[dict[str, str]]:
    with open(DATA / name, newline="") as stream:
        return list(csv.DictReader(stream))
