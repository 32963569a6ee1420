"""Localisation of every method by data set and architecture, with means (the paper's Table 5)."""

from collections.abc import Iterable, Sequence

from pipeline.artefacts.table import SEEDS, Block, Cell, Row, Source, Table
from pipeline.settings import TablesJob
from pipeline.tables import published
from pipeline.tables.means import Drawn, mean_cell, over_datasets, over_trunks
from pipeline.tables.pooling import pooled, sources
from pipeline.tables.scores import Group, datasets_and_architectures
from pipeline.tables.wsol import HEADLINES

_Key = tuple[str, str, str]  # variant, method, target


def trunk_table(groups: Sequence[Group], job: TablesJob) -> Table:
    """Methods x (data set x architecture): MaxBoxAccV2, or PxAP where there are masks alone.

    After the architectures of a data set stands their mean, and last the mean over data sets, for
    the rows that have all of them. Where data set and trunk are the paper's, its numbers are a
    block of their own.
    """
    found = _measured(groups)
    places = datasets_and_architectures([group for of in found.values() for group in of.values()])
    headline = {
        place: name
        for key, of in found.items()
        for place in of
        if (name := _headline(of, place, key))
    }
    columns, of_paper = _columns(places, headline, groups, job)
    rows, missing = [], []
    for key, of in found.items():
        cells, made_of = _cells(key, of, places, job.level)
        rows.append(Row(kind="measured", names=key, cells=cells, sources=tuple(made_of)))
        absent = [f"{d} {a}" for d, a in places if (d, a) not in of]
        if absent:
            missing.append(f"{' '.join(key)} not measured on {', '.join(absent)}")
    blocks = [Block(heading="measured", keys={"source": "measured"}, rows=tuple(rows))]
    printed = [_in_columns(row, of_paper) for row in published.trunk_rows()]
    if compared := tuple(row for row in printed if row.cells):
        heading = "published (paper, Tables 5 and 3)"
        blocks.append(Block(heading=heading, keys={"source": "published"}, rows=compared))
    notes = [
        "MaxBoxAccV2 where images have boxes, PxAP where they have masks alone. A dash in a "
        "measured row: the study has no such model or map; in a published row: the paper has no "
        f"such number. {SEEDS}"
    ]
    if any("mean" in column for column in columns):
        notes.append(
            "Means are over the architectures of a data set, and then over the data sets, where a "
            "row has all of them. Their brackets are about the same images (resampled together for "
            "all architectures) and trainings, not about other architectures or data sets; there "
            "are none where architectures were measured on different images. Published means are "
            "as printed; of CAM with supersets the paper prints a total mean of 60.1, where its "
            "columns give 61.3."
        )
    if missing:
        notes.append("; ".join(missing) + ": the study has no such model or map.")
    return Table(
        name="trunks",
        title="Localisation by data set and architecture (%)",
        names={"variant": "Model", "method": "Map", "target": "Target"},
        columns=columns,
        blocks=tuple(blocks),
        notes=tuple(notes),
    )


def _measured(groups: Sequence[Group]) -> dict[_Key, dict[tuple[str, str], Group]]:
    """Variant, method and target -> data set and architecture -> its scores."""
    found: dict[_Key, dict[tuple[str, str], Group]] = {}
    for group in groups:
        if group.baseline or group.architecture is None:
            continue
        for target in dict.fromkeys(name.split(".")[0] for name in group.scores[0]["values"]):
            of = found.setdefault((group.name, group.method or "", target), {})
            of[group.dataset, group.architecture] = group
    return found


def _headline(of: dict[tuple[str, str], Group], place: tuple[str, str], key: _Key) -> str | None:
    """The value that a column shows of a row."""
    values = of[place].scores[0]["values"]
    names = (f"{key[2]}.{metric}" for metric in HEADLINES)
    return next((name for name in names if name in values), None)


def _cells(
    key: _Key, of: dict[tuple[str, str], Group], places: Sequence[tuple[str, str]], level: float
) -> tuple[dict[str, Cell], list[Source]]:
    """The cells of a row, means among them, and what they are made of."""
    cells: dict[str, Cell] = {}
    made_of: list[Source] = []
    means: list[Drawn | None] = []
    datasets = dict.fromkeys(dataset for dataset, _ in places)
    for dataset in datasets:
        scores = []
        for place in (place for place in places if place[0] == dataset and place in of):
            name = _headline(of, place, key)
            cell = pooled(of[place].scores, name, 100.0, level) if name else None
            if name and cell:
                cells[column_of(*place)] = cell
                made_of += sources(of[place].scores)
                scores.append((of[place].scores, name))
        wanted = sum(place[0] == dataset for place in places)
        names = {name for _, name in scores}
        if len(scores) == wanted and len(names) == 1:
            mean = over_trunks([each for each, _ in scores], names.pop())
            means.append(mean)
            if mean and wanted > 1:
                cells[column_of(dataset, "mean")] = mean_cell(mean, level)
    whole = [mean for mean in means if mean is not None]
    if len(datasets) > 1 and len(whole) == len(datasets) and (total := over_datasets(whole)):
        cells["total"] = mean_cell(total, level)
    return cells, made_of


def _columns(
    places: Sequence[tuple[str, str]],
    headline: dict[tuple[str, str], str],
    groups: Sequence[Group],
    job: TablesJob,
) -> tuple[dict[str, str], dict[str, str]]:
    """Column -> heading, and the paper's column -> that of the study which it stands in."""
    columns: dict[str, str] = {}
    of_paper: dict[str, str] = {}
    datasets = list(dict.fromkeys(dataset for dataset, _ in places))
    for dataset in datasets:
        own = [place for place in places if place[0] == dataset]
        trunks = set()
        for place in own:
            masks = headline[place].endswith(".pxap")
            columns[column_of(*place)] = " ".join(place) + (" (PxAP)" if masks else "")
            group = next(g for g in groups if (g.dataset, g.architecture) == place)
            paper, trunk = published.dataset_of(group.scores[0]), group.note(job).trunk
            if paper and trunk in published.TRUNKS:
                of_paper.setdefault(f"{paper}_{trunk}", column_of(*place))
                trunks.add(trunk)
        if len(own) > 1:
            columns[column_of(dataset, "mean")] = f"{dataset} mean"
            if paper and trunks == {*published.TRUNKS} and len(own) == len(trunks):
                of_paper[f"{paper}_mean"] = column_of(dataset, "mean")
    if len(datasets) > 1:
        columns["total"] = "total mean"
        means = {f"{paper}_mean" for paper in published.TEST_IMAGES}
        if means <= of_paper.keys() and len(datasets) == len(means):
            of_paper["total"] = "total"
    return columns, of_paper


def column_of(dataset: str, architecture: str) -> str:
    """The column of a data set and architecture; "mean" stands for all architectures."""
    return f"{dataset}/{architecture}"


def parts_of(column: str, columns: Iterable[str]) -> list[str]:
    """The columns among ``columns`` that a column is the mean of, and itself."""
    if column == "total":
        return [*columns]
    dataset, _, architecture = column.rpartition("/")
    if architecture != "mean":
        return [column]
    return [each for each in columns if each.rpartition("/")[0] == dataset]


def _in_columns(row: Row, of_paper: dict[str, str]) -> Row:
    cells = {of_paper[key]: cell for key, cell in row.cells.items() if key in of_paper}
    return row.model_copy(update={"cells": cells})
