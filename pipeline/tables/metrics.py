"""Tables with a row a method and a column a metric: erasing, faithfulness, axioms, ranks.

A new metric is one line in `COLUMNS`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.artefacts.table import SEEDS, Block, Row, Table, pooled, sources
from pipeline.settings import TablesJob
from pipeline.tables.paired import delta, heading, reference, unpaired
from pipeline.tables.scores import Group, datasets_and_architectures


@dataclass(frozen=True)
class Metric:
    """A value of a task as a column.

    Attributes:
        task: of its scores.
        value: its name in the scores.
        heading: of the column.
        lower: a low value is good; None: neither is (it says something, but ranks nothing).
        percent: it is a rate, shown in percent.
    """

    task: str
    value: str
    heading: str
    lower: bool | None = False
    percent: bool = True

    @property
    def key(self) -> str:
        """The name of the column."""
        return f"{self.task}.{self.value}"

    @property
    def scale(self) -> float:
        """Factor between a score and a cell."""
        return 100.0 if self.percent else 1.0


_ERASERS = {"blur": "blur", "zero": "zero", "mean": "mean", "noisy_linear": "ROAD"}

COLUMNS: dict[str, tuple[Metric, ...]] = {
    "erasing": (
        *(
            Metric("erase", f"auc.{eraser}.most", f"most first, {name}: mean R", lower=True)
            for eraser, name in _ERASERS.items()
        ),
        *(
            Metric("erase", f"relative.blur.most.{k}", f"R{k}, blur", lower=True)
            for k in (10, 50, 90)
        ),
        *(
            Metric("erase", f"auc.{eraser}.least", f"least first, {name}: mean R")
            for eraser, name in _ERASERS.items()
        ),
        Metric("erase", "auc_kept.blur.most", "most first, blur, own predictions", lower=True),
    ),
    "faithfulness": (
        Metric("insertion_deletion", "insertion", "Insertion"),
        Metric("insertion_deletion", "deletion", "Deletion", lower=True),
        Metric("pointing_game", "hit_rate", "Pointing"),
        Metric("pointing_game", "energy", "Energy on object"),
        Metric("grid_pointing", "localisation", "Grid pointing"),
        Metric("infidelity", "infidelity", "Infidelity", lower=True, percent=False),
        Metric("infidelity", "max_sensitivity", "Max-sensitivity", lower=True, percent=False),
        Metric("sanity", "spearman", "Sanity: rank corr.", lower=True, percent=False),
        Metric("sanity", "ssim", "Sanity: SSIM", lower=True, percent=False),
    ),
    "axioms": tuple(
        Metric("axioms", value, heading, lower=True, percent=False)
        for value, heading in (
            ("completeness_gap", "Completeness gap"),
            ("completeness_gap_scaled", "Gap after one factor"),
            ("invariance.raw", "Shift of logits: map"),
            ("invariance.minmax", "Shift of logits: min-max map"),
            ("sensitivity.locations.missed", "Locations missed"),
            ("sensitivity.locations.spurious", "Locations spurious"),
            ("sensitivity.blocks.missed", "Blocks missed"),
            ("sensitivity.blocks.spurious", "Blocks spurious"),
        )
    ),
}

_TITLES = {
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
    "docs/protocols.md. Percent, but infidelity, max-sensitivity and sanity as they are.",
    "axioms": "Zero is what the axioms ask for; docs/protocols.md says what each number "
    "measures.",
}


def metric_table(name: str, groups: Sequence[Group], job: TablesJob) -> Table:
    """One of the tables of `COLUMNS`: a block for every (data set, architecture).

    The last column is the difference of the first metric from CAM's map, where both were measured
    on the same images. Where no score has any of the metrics, as with a model that is never right
    with pixels erased, the first stands alone, a column of dashes.
    """
    metrics = [m for m in COLUMNS[name] if _measured(groups, m)] or list(COLUMNS[name][:1])
    tasks = {metric.task for metric in COLUMNS[name]}
    chosen = [group for group in groups if group.task in tasks]
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
    columns = {metric.key: metric.heading for metric in metrics}
    first = metrics[0]
    return Table(
        name=name,
        title=_TITLES[name],
        names={"variant": "Model", "method": "Map"},
        columns=columns | heading(blocks, f"{first.heading}: Δ CAM"),
        blocks=tuple(blocks),
        lower=tuple(metric.key for metric in metrics if metric.lower),
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
