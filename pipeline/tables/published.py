"""The paper's numbers, percent as printed, and when they may be shown next to measured ones.

They were measured on CUB-200-2011 (5,794 test images, 191 class pairs; other data sets of the
paper are left out here) with ResNet50, or with the average of three trunks (Table 3). A study has
the same setting if it has these numbers of test images or pairs and this trunk; which protocol
each published number comes from is partly unknown (docs/protocols.md).
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pipeline.artefacts.table import Block, Cell, Row
from pipeline.settings import TablesJob
from pipeline.tables.scores import Group, datasets_and_architectures

DATA = Path(__file__).parent / "paper"
CUB_TEST_IMAGES = 5794
CUB_PAIRS = {"1": 31, "2": 64, "3": 96}
TRUNK = "resnet50"


def cue_rows() -> list[Row]:
    """Table 1: mPxAP by number of differing parts; the mean is the one weighted by pairs."""
    columns = {name: name for name in ("parts_1", "parts_2", "parts_3")} | {"mean": "weighted"}
    return [
        _row(
            (f"{line['method']} (published)", ""),
            {name: line[column] for column, name in columns.items()},
        )
        for line in _read("table1.csv")
    ]


def accuracy_rows() -> list[Row]:
    """Table 2: top-1 on CUB."""
    return [
        _row((f"{line['model']} (published)",), {"top1": line["cub"]})
        for line in _read("table2.csv")
    ]


def wsol_rows(*, resnet50: bool) -> list[Row]:
    """MaxBoxAccV2 on CUB: Table 5 for ResNet50, else Table 3, the average of three trunks.

    Table 5 lacks CALM-ML, for which only the average was published.
    """
    file, column = ("table5.csv", "cub_resnet50") if resnet50 else ("table3.csv", "cub")
    return [
        _row(
            (
                f"{line['method']} (published)",
                "",
                "superset" if line["superset"] == "yes" else "class",
            ),
            {"maxboxaccv2": line[column]},
        )
        for line in _read(file)
    ]


def trunk_rows(columns: Iterable[str]) -> list[Row]:
    """Table 5 as it is: one row per method, with and without its superset."""
    return [
        _row(
            (line["method"], "", "superset" if line["superset"] == "yes" else "class"),
            {column: line[column] for column in columns},
        )
        for line in _read("table5.csv")
    ]


def blocks_beside(
    groups: Sequence[Group],
    job: TablesJob,
    measured: Callable[[list[Group]], list[Row]],
    same_setting: list[Row],
    another_setting: Block,
) -> list[Block]:
    """A block for every (data set, architecture), and the published rows.

    Args:
        groups: all scores of a table.
        job: models.
        measured: the rows of the scores of one block.
        same_setting: published rows that stand in a block if its setting is the paper's.
        another_setting: else the last block.
    """
    blocks, compared = [], False
    for dataset, architecture in datasets_and_architectures(groups):
        chosen = [group for group in groups if group.belongs_to(dataset, architecture)]
        images = chosen[0].scores[0]["details"]["images"]
        rows = measured(chosen)
        if same_images(images, chosen[0].note(job).trunk):
            rows += same_setting
            compared = True
        blocks.append(
            Block(
                heading=f"{dataset}, {architecture} ({images} test images)",
                keys={"dataset": dataset, "architecture": architecture},
                rows=tuple(rows),
            )
        )
    return blocks if compared else [*blocks, another_setting]


def same_pairs(pairs: Mapping[str, int], trunk: str | None) -> bool:
    """Whether cue localisation was measured on all of CUB's class pairs with the paper's trunk."""
    return dict(pairs) == CUB_PAIRS and trunk == TRUNK


def same_images(images: int, trunk: str | None) -> bool:
    """Whether CUB's whole test split was used with the paper's trunk."""
    return images == CUB_TEST_IMAGES and trunk == TRUNK


def _row(names: tuple[str, ...], percents: Mapping[str, str]) -> Row:
    cells = {name: Cell(value=float(text)) for name, text in percents.items() if text}
    return Row(kind="published", names=names, cells=cells)


def _read(name: str) -> list[dict[str, str]]:
    with open(DATA / name, newline="") as stream:
        return list(csv.DictReader(stream))
