"""Tables with a row for each map and a column for each metric: erasing, faithfulness, axioms.

The columns are those of `pipeline.catalogue.evaluations`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.artefacts.table import SEEDS, Block, MainNumber, Row, Table
from pipeline.catalogue.evaluations import Column
from pipeline.catalogue.tables import columns_of
from pipeline.settings import TablesJob
from pipeline.tables.paired import delta, heading, reference, unpaired
from pipeline.tables.pooling import pooled, sources
from pipeline.tables.scores import Group, datasets_and_architectures


@dataclass(frozen=True)
class Metric(Column):
    """A column of the catalogue and the evaluation that it belongs to.

    Attributes:
        task: of its scores.
    """

    task: str = field(kw_only=True)

    @property
    def key(self) -> str:
        """The name of the column."""
        return f"{self.task}.{self.value}"

    @property
    def lower(self) -> bool:
        """Whether a low value is good."""
        return self.better == "lower"

    @property
    def scale(self) -> float:
        """Factor between a score and a cell."""
        return 100.0 if self.percent else 1.0


def metrics_of(columns: Mapping[str, Sequence[Column]]) -> tuple[Metric, ...]:
    """The columns of a part of the catalogue (evaluation -> columns), in one sequence."""
    return tuple(
        Metric(**asdict(column), task=task) for task, of in columns.items() for column in of
    )


# the tables of this form
TITLES = {
    "erasing": "Remove-and-classify: accuracy relative to random erasing (%)",
    "faithfulness": "Faithfulness, pointing and sanity of the maps",
    "axioms": "The axioms of sections 3.1 and 4.2 as numbers",
}

_NOTES = {
    "erasing": "R_k is the accuracy with k % of the pixels erased by the map, relative to "
    "random erasing (section 5.3). Mean R is the area under R_k over its range of k. Most "
    "relevant first: lower is better; least relevant first: higher is better.",
    "faithfulness": "Lower is better for deletion, infidelity, max-sensitivity and sanity "
    "(similarity to the map of a randomised model), higher for the others; definitions in "
    "docs/protocols.md. In percent, except infidelity, max-sensitivity and sanity. "
    "Infidelity is on the scale of the function that a map explains, which differs between kinds "
    "of maps; its share of that function's change can be compared.",
    "axioms": "The axioms require zero; docs/protocols.md says what each number measures.",
}


def metric_table(name: str, groups: Sequence[Group], job: TablesJob) -> Table:
    """One of the tables of `TITLES`: a block for every (data set, architecture).

    The last column is the difference of the first metric from CAM's map, where both were measured
    on the same images. Where no score has any of the metrics, as with a model that is never right
    with pixels erased, the first stands alone, a column of dashes.
    """
    columns = columns_of(name)
    known = metrics_of(columns)
    metrics = [metric for metric in known if _measured(groups, metric)] or [*known[:1]]
    chosen = [group for group in groups if group.task in columns]
    blocks = []
    for dataset, architecture in datasets_and_architectures(chosen):
        of_block = [group for group in chosen if group.belongs_to(dataset, architecture)]
        rows = [
            _row(names, of_method, reference(of_block, job), metrics, job)
            for names, of_method in by_method(of_block).items()
        ]
        blocks.append(
            Block(
                heading=f"{dataset}, {architecture}",
                keys={"dataset": dataset, "architecture": architecture},
                rows=tuple(rows),
            )
        )
    first = metrics[0]
    return Table(
        name=name,
        title=TITLES[name],
        names={"variant": "Model", "method": "Map"},
        columns={metric.key: metric.heading for metric in metrics}
        | heading(blocks, f"{first.heading}: Δ CAM"),
        blocks=tuple(blocks),
        main={
            metric.key: MainNumber(heading=metric.short or metric.heading, words=metric.words)
            for metric in metrics
            if metric.words
        },
        lower=tuple(metric.key for metric in metrics if metric.lower),
        neither=tuple(metric.key for metric in metrics if metric.better == "neither"),
        plain=(
            *(metric.key for metric in metrics if not metric.percent),
            *(() if first.percent else ("delta",)),
        ),
        notes=(
            f"{_NOTES[name]} Brackets are bootstrap intervals over images. {SEEDS} Δ CAM: the "
            "difference from CAM's map on the same images, resampled together.",
            *unpaired(
                [group for group in chosen if group.task == first.task],
                job,
                lambda group: (first.value, first.value),
            ),
            *_undirected(metrics),
            *_skips(chosen, metrics),
        ),
    )


def by_method(groups: Sequence[Group]) -> dict[tuple[str, str], dict[str, Group]]:
    """(variant, method) -> task -> group, in the order of the groups."""
    found: dict[tuple[str, str], dict[str, Group]] = {}
    for group in groups:
        found.setdefault((group.name, group.method), {})[group.task] = group
    return found


def _row(
    names: tuple[str, str],
    of_method: Mapping[str, Group],
    against: Mapping[str, Group],
    metrics: Sequence[Metric],
    job: TablesJob,
) -> Row:
    cells = {
        metric.key: pooled(of_method[metric.task].scores, metric.value, metric.scale, job.level)
        for metric in metrics
        if metric.task in of_method
    }
    first = metrics[0]
    if first.task in of_method:
        group = of_method[first.task]
        cells["delta"] = delta(
            group, first.value, against.get(first.task), first.value, job, first.scale
        )
    groups = list(of_method.values())
    return Row(
        kind="measured",
        names=names,
        cells={column: cell for column, cell in cells.items() if cell},
        trained=groups[0].note(job).method,
        sources=tuple(source for group in groups for source in sources(group.scores)),
    )


def _measured(groups: Sequence[Group], metric: Metric) -> bool:
    return any(
        group.task == metric.task and metric.value in group.scores[0]["values"] for group in groups
    )


def _undirected(metrics: Sequence[Metric]) -> Iterator[str]:
    """A footnote for the columns in which no number is better."""
    headings = [metric.heading for metric in metrics if metric.better == "neither"]
    if headings:
        yield f"Neither high nor low is better: {', '.join(headings)}."


# details that count what was left out -> how the footnote calls it
_COUNTS = {
    "images_without_object": "images without an annotated object",
    "maps_without_positive_value": "maps without a positive value",
    "values_undefined": "ratios undefined, because no image is right with random pixels erased",
}


def _skips(groups: Sequence[Group], metrics: Sequence[Metric]) -> Iterator[str]:
    """A footnote for every count of what was left out, where there is any; all seeds together."""
    for key, words in _COUNTS.items():
        parts = [
            f"{_name(group)} {count}"
            for group in groups
            if (count := sum(score["details"].get(key, 0) for score in group.scores))
        ]
        if parts:
            yield f"Left out, {words}: {'; '.join(parts)}."
    for metric in metrics:
        parts = [
            f"{_name(group)} {count}"
            for group in groups
            if group.task == metric.task
            and (count := sum(_undefined(score, metric.value) for score in group.scores))
        ]
        if parts:
            yield f"Images for which {metric.heading} is not defined: {'; '.join(parts)}."
    fewer = [
        f"{_name(group)} seed {score['identity']['seed']}: {made} of {asked}"
        for group in groups
        for score in group.scores
        if (made := score["details"].get("grids", 0)) < (asked := _grids_asked_for(score))
    ]
    if fewer:
        yield f"Fewer grids than asked for: {'; '.join(fewer)}."


def _name(group: Group) -> str:
    return f"{group.dataset} {group.variant} {group.method}"


def _undefined(score: Mapping[str, Any], value: str) -> int:
    return score["details"].get("undefined", {}).get(value, 0)


def _grids_asked_for(score: Mapping[str, Any]) -> int:
    return score["details"].get("grids_asked_for", 0)
