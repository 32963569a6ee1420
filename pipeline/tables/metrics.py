"""Tables with a row for each map, or model, and a column for each metric.

The columns are those of `pipeline.catalogue.evaluations`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from pipeline.artefacts.table import SEEDS, Block, Cell, MainNumber, Row, Table
from pipeline.catalogue.evaluation_entries import Column
from pipeline.catalogue.tables import columns_of
from pipeline.settings import TablesJob
from pipeline.tables.paired import (
    delta,
    explained,
    heading_of,
    reference,
    reference_of,
    unpaired,
)
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
    "calibration": "Calibration of p(y|x) on the test split",
    "erasing": "Remove-and-classify: accuracy relative to random erasing (%)",
    "faithfulness": "Faithfulness, pointing and sanity of the maps",
    "gaze": "Do maps show where people look?",
    "axioms": "The axioms of sections 3.1 and 4.2 as numbers",
}

_NOTES = {
    "calibration": "ECE: the expected calibration error, mean over the images of |accuracy - "
    "confidence| of their bin, in percent; MCE: of the bin where it is largest. Chance alone makes "
    "both positive: ECE if calibrated is what the model's would be on average without any error. "
    "Brackets of ECE are about its value on unlimited images and allow for that, so they reach "
    "far below the number; its differences allow for it where both models have it alike. Brier "
    "score (0 to 2) and negative log-likelihood (nats) have no such bias, and also ask for "
    "accuracy: compare models by them. docs/protocols.md has definitions and simulations.",
    "erasing": "R_k is the accuracy with k % of the pixels erased by the map, relative to "
    "random erasing (section 5.3). Mean R is the area under R_k over its range of k. Most "
    "relevant first: lower is better; least relevant first: higher is better.",
    "faithfulness": "Lower is better for deletion, infidelity, max-sensitivity, complexity, sanity "
    "(similarity to the map of a randomised model) and a random class (similarity to the map of "
    "another class), higher for the others; definitions in docs/protocols.md. In percent, except "
    "infidelity, max-sensitivity, sanity and the columns that name a unit or an index. "
    "Infidelity is on the scale of the function that a map explains, which differs between kinds "
    "of maps; its share of that function's change can be compared.",
    "gaze": "Maps against where people looked (NSS, AUC as Judd's, correlation CC, similarity SIM, "
    "KL divergence, information gain IG over a Gaussian around the middle), for each person's "
    "fixations separately, within the object's box and over the image; KL: lower is better, else "
    "higher. The row `viewers` is the ceiling: each person's fixations against those of all "
    "others. Fixations lie on the object: over the image any map of the object does well.",
    "axioms": "The axioms require zero; docs/protocols.md says what each number measures.",
}


def metric_table(name: str, groups: Sequence[Group], job: TablesJob) -> Table:
    """One of the tables of `TITLES`: a block for every (data set, architecture).

    The last columns are the differences of the main numbers and other compared metrics (else the
    first) from CAM's map or model, or another reference (`pipeline.tables.paired.reference`), where
    both were measured on the same images. Where no score has any of the metrics, as with a model
    that is never right with pixels erased, the first stands alone, a column of dashes.
    """
    columns = columns_of(name)
    known = metrics_of(columns)
    metrics = [metric for metric in known if _measured(groups, metric)] or [*known[:1]]
    compared = [metric for metric in metrics if metric.compared or metric.words] or metrics[:1]
    deltas = dict(zip(["delta", *(f"delta.{m.key}" for m in compared[1:])], compared, strict=True))
    chosen = [group for group in groups if group.task in columns]
    of_models = all(group.method is None for group in chosen)
    difference = heading_of(chosen, job)
    blocks = []
    for dataset, architecture in datasets_and_architectures(chosen):
        of_block = [group for group in chosen if group.belongs_to(dataset, architecture)]
        against = reference(chosen, dataset, architecture, job)
        rows = [
            _row(names[:1] if of_models else names, of_method, against, metrics, deltas, job)
            for names, of_method in by_method(of_block).items()
        ]
        known_at_random = {m.key: Cell(value=m.scale * m.random) for m in metrics if m.random}
        if known_at_random:
            rows.append(Row(kind="baseline", names=("baseline", "random"), cells=known_at_random))
        blocks.append(
            Block(
                heading=f"{dataset}, {architecture}",
                keys={"dataset": dataset, "architecture": architecture},
                rows=tuple(rows),
                reference=reference_of(chosen, dataset, architecture, job),
            )
        )
    shown = {column for block in blocks for row in block.rows for column in row.cells}
    return Table(
        name=name,
        title=TITLES[name],
        names={"variant": "Model"} | ({} if of_models else {"method": "Map"}),
        columns={metric.key: metric.heading for metric in metrics}
        | {key: f"{m.heading}: {difference}" for key, m in deltas.items() if key in shown},
        blocks=tuple(blocks),
        main={
            metric.key: MainNumber(
                heading=metric.short or metric.heading,
                words=metric.words,
                delta=next((key for key, m in deltas.items() if m is metric and key in shown), ""),
                meaning=metric.meaning,
            )
            for metric in metrics
            if metric.words
        },
        lower=tuple(metric.key for metric in metrics if metric.lower),
        neither=(*(metric.key for metric in metrics if metric.better == "neither"), *deltas),
        plain=(
            *(metric.key for metric in metrics if not metric.percent),
            *(key for key, metric in deltas.items() if not metric.percent),
        ),
        notes=(
            f"{_NOTES[name]} Brackets are bootstrap intervals over images. {SEEDS} "
            + explained(chosen, job, f"CAM's {'model' if of_models else 'map'} on the same images"),
            *_unpaired(chosen, compared, job),
            *_undirected(metrics),
            *_skips(chosen, metrics),
        ),
    )


def by_method(groups: Sequence[Group]) -> dict[tuple[str, str], dict[str, Group]]:
    """(variant, method) -> task -> group, in the order of the groups; "" without a method."""
    found: dict[tuple[str, str], dict[str, Group]] = {}
    for group in groups:
        found.setdefault((group.name, group.method or ""), {})[group.task] = group
    return found


def _row(
    names: tuple[str, ...],
    of_method: Mapping[str, Group],
    against: Mapping[str, Group],
    metrics: Sequence[Metric],
    deltas: Mapping[str, Metric],
    job: TablesJob,
) -> Row:
    cells = {
        metric.key: pooled(of_method[metric.task].scores, metric.value, metric.scale, job.level)
        for metric in metrics
        if metric.task in of_method
    }
    for key, metric in deltas.items():
        if group := of_method.get(metric.task):
            other = against.get(metric.task)
            cells[key] = delta(group, metric.value, other, metric.value, job, metric.scale)
    groups = list(of_method.values())
    baseline = groups[0].baseline
    return Row(
        kind="baseline" if baseline else "measured",
        names=names,
        cells={column: cell for column, cell in cells.items() if cell},
        trained=None if baseline else groups[0].note(job).method,
        sources=tuple(source for group in groups for source in sources(group.scores)),
    )


def _measured(groups: Sequence[Group], metric: Metric) -> bool:
    return any(
        group.task == metric.task and metric.value in group.scores[0]["values"] for group in groups
    )


def _unpaired(groups: Sequence[Group], compared: Sequence[Metric], job: TablesJob) -> Iterator[str]:
    """A footnote for every reason why a compared metric lacks differences from CAM."""

    def values(metric: Metric, group: Group) -> tuple[str, str] | None:
        return (metric.value,) * 2 if metric.value in group.scores[0]["values"] else None

    found: dict[str, list[str]] = {}
    for metric in compared:
        chosen = [group for group in groups if group.task == metric.task]
        for note in unpaired(chosen, job, partial(values, metric)):
            found.setdefault(note, []).append(metric.heading)
    for note, headings in found.items():
        yield note if len(headings) == len(compared) else f"{', '.join(headings)}: {note}"


def _undirected(metrics: Sequence[Metric]) -> Iterator[str]:
    """A footnote for the columns in which no number is better."""
    headings = [metric.heading for metric in metrics if metric.better == "neither"]
    if headings:
        yield f"Neither high nor low is better: {', '.join(headings)}."


# details that count what was left out -> their words in a footnote
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
    return " ".join(filter(None, (group.dataset, group.name, group.method)))


def _undefined(score: Mapping[str, Any], value: str) -> int:
    return score["details"].get("undefined", {}).get(value, 0)


def _grids_asked_for(score: Mapping[str, Any]) -> int:
    return score["details"].get("grids_asked_for", 0)
