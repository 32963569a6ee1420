"""The paper's numbers, percent as printed, and when they may be shown next to measured ones.

They were measured on CUB-200-2011 (5,794 test images, 191 class pairs), OpenImages30k (5,000) and
ImageNet (50,000) with VGG16, Inception-v3 and ResNet50. A study has the same setting if it has as
many test images or pairs and the trunk; which protocol each published number comes from is partly
unknown (docs/protocols.md).
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.artefacts.table import Block, Cell, Row
from pipeline.settings import TablesJob
from pipeline.tables.paired import reference_of
from pipeline.tables.scores import Group, datasets_and_architectures

DATA = Path(__file__).parent / "paper"
TEST_IMAGES = {"imagenet": 50_000, "cub": 5_794, "openimages": 5_000}  # in Table 5's order
TRUNKS = ("vgg16", "inception_v3", "resnet50")
CUB_PAIRS = {"1": 31, "2": 64, "3": 96}
TRUNK = "resnet50"


def cue_rows() -> list[Row]:
    """The paper's Table 1: mPxAP by number of differing parts; the mean is that over pairs."""
    columns = {name: name for name in ("parts_1", "parts_2", "parts_3")} | {"mean": "weighted"}
    return [
        _row(
            (f"{line['method']} (published)", ""),
            {name: line[column] for column, name in columns.items()},
        )
        for line in _read("table1.csv")
    ]


def accuracy_rows(dataset: str, trunk: str = TRUNK) -> list[Row]:
    """The paper's Table 2: top-1 on a data set with ResNet50; no rows for another trunk."""
    if trunk != TRUNK:
        return []
    return [
        _row((f"{line['model']} (published)",), {"top1": line[dataset]})
        for line in _read("table2.csv")
    ]


def wsol_rows(dataset: str, trunk: str) -> list[Row]:
    """MaxBoxAccV2 on a data set, or PxAP on OpenImages: the paper's Table 5.

    Args:
        dataset: a key of `TEST_IMAGES`.
        trunk: one of `TRUNKS`; "mean": Table 3, the average of the three. Table 5 lacks CALM-ML, of
            which only the average was published.
    """
    column = dataset if trunk == "mean" else f"{dataset}_{trunk}"
    metric = "pxap" if dataset == "openimages" else "maxboxaccv2"
    return [
        _row((f"{line['method']} (published)", "", _target(line)), {metric: line[column]})
        for line in _read("table3.csv" if trunk == "mean" else "table5.csv")
    ]


def trunk_rows() -> list[Row]:
    """Tables 5 and 3 together: columns DATASET_TRUNK, DATASET_mean and total.

    A row per method, with and without its superset; of CALM-ML only the means were published. The
    total mean is given as printed.
    """
    of_trunks = {(line["method"], line["superset"]): line for line in _read("table5.csv")}
    rows = []
    for line in _read("table3.csv"):
        found = {f"{dataset}_mean": line[dataset] for dataset in TEST_IMAGES}
        found |= of_trunks.get((line["method"], line["superset"]), {})
        names = (line["method"], "", _target(line))
        rows.append(_row(names, {key: found[key] for key in trunk_columns() if key in found}))
    return rows


def trunk_columns() -> dict[str, str]:
    """The columns of the paper's Table 5: key -> heading."""
    titles = {"imagenet": "ImageNet", "cub": "CUB", "openimages": "OpenImages"}
    columns = {
        f"{dataset}_{each}": f"{titles[dataset]} {each}"
        for dataset in TEST_IMAGES
        for each in (*TRUNKS, "mean")
    }
    return columns | {"total": "total mean"}


def dataset_of(score: Mapping[str, Any]) -> str | None:
    """Which data set of the paper a score was measured on: the one with as many test images."""
    details = score["details"]
    found = next((n for n, images in TEST_IMAGES.items() if images == details["images"]), None)
    if found == "openimages":  # 5 000 is a round number: it also has 100 classes, and masks alone
        measured = {name.split(".")[-1] for name in score["values"]}
        alone = "pxap" in measured and "maxboxaccv2" not in measured
        return found if alone or len(details.get("per_class", ())) == 100 else None
    return found


def blocks_with_published(
    groups: Sequence[Group],
    job: TablesJob,
    measured: Callable[[list[Group]], list[Row]],
    same_setting: Callable[[str, str], list[Row]],
) -> list[Block]:
    """A block for every (data set, architecture), with the published rows of the same setting.

    Args:
        groups: all scores of a table.
        job: models.
        measured: the rows of the scores of one block.
        same_setting: data set and trunk of the paper -> published rows.
    """
    blocks = []
    for dataset, architecture in datasets_and_architectures(groups):
        chosen = [group for group in groups if group.belongs_to(dataset, architecture)]
        images = chosen[0].scores[0]["details"]["images"]
        rows = measured(chosen)
        dataset_of_paper = dataset_of(chosen[0].scores[0])
        trunk = chosen[0].note(job).trunk
        if dataset_of_paper and trunk in TRUNKS:
            rows += same_setting(dataset_of_paper, trunk)
        blocks.append(
            Block(
                heading=f"{dataset}, {architecture} ({images} test images)",
                keys={"dataset": dataset, "architecture": architecture},
                rows=tuple(rows),
                reference=reference_of(groups, dataset, architecture, job),
            )
        )
    return blocks


def same_pairs(pairs: Mapping[str, int], trunk: str | None) -> bool:
    """Whether cue localisation was measured on all of CUB's class pairs with the paper's trunk."""
    return dict(pairs) == CUB_PAIRS and trunk == TRUNK


def _target(line: Mapping[str, str]) -> str:
    return "superset" if line["superset"] == "yes" else "class"


def _row(names: tuple[str, ...], percents: Mapping[str, str]) -> Row:
    cells = {name: Cell(value=float(text)) for name, text in percents.items() if text}
    return Row(kind="published", names=names, cells=cells)


def _read(name: str) -> list[dict[str, str]]:
    with open(DATA / name, newline="") as stream:
        return list(csv.DictReader(stream))
