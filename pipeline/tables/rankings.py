"""The rank of every map on every metric, and how far the metrics agree with each other."""

from collections.abc import Sequence

import pandas as pd

from pipeline.artefacts.table import Block, Cell, Row, Table
from pipeline.catalogue.tables import RANKED, ranked_columns
from pipeline.settings import TablesJob
from pipeline.tables.metrics import Metric, by_method, metrics_of
from pipeline.tables.pooling import sources
from pipeline.tables.scores import Group, datasets_and_architectures


def rank_table(groups: Sequence[Group], job: TablesJob) -> Table:
    """Ranks, 1 for the best, within each (data set, architecture); equal values share a rank.

    Only maps that every metric of the block measures are ranked, so that all ranks are out of the
    same number. The mean of ranks is not a score: metrics measure different things, and the notes
    give the rank correlation between each pair of them.
    """
    known = metrics_of(ranked_columns(job.normalisations[0]))
    blocks, notes, used = [], [], []
    groups = [group for group in groups if group.task in RANKED]  # others rank no maps
    for dataset, architecture in datasets_and_architectures(groups):
        chosen = [g for g in groups if g.belongs_to(dataset, architecture) and not g.baseline]
        numbers = _numbers(chosen, known).dropna(axis=1, thresh=2)
        complete = numbers.notna().all(axis=1)
        left_out = [" ".join(names) for names in numbers.index[~complete]]
        if left_out:
            notes.append(
                f"{dataset}, {architecture}: left out, since not all metrics measure them: "
                f"{', '.join(left_out)}."
            )
        numbers = numbers[complete]
        if len(numbers) < 2 or numbers.shape[1] < 2:
            continue
        metrics = [metric for metric in known if metric.key in numbers]
        used += [metric for metric in metrics if metric not in used]
        ranks = pd.DataFrame(
            {m.key: numbers[m.key].rank(ascending=m.lower, method="min") for m in metrics}
        )
        ranks.insert(0, "mean", ranks.mean(axis=1))
        of_map = by_method(chosen)
        blocks.append(
            Block(
                heading=f"{dataset}, {architecture}: {len(ranks)} maps",
                keys={"dataset": dataset, "architecture": architecture},
                rows=tuple(
                    Row(
                        kind="measured",
                        names=names,
                        cells={key: Cell(value=float(rank)) for key, rank in row.items()},
                        trained=next(iter(of_map[names].values())).note(job).method,
                        sources=tuple(
                            source
                            for group in of_map[names].values()
                            for source in sources(group.scores)
                        ),
                    )
                    for names, row in ranks.sort_values("mean", kind="stable").iterrows()
                ),
            )
        )
        notes.append(_agreement(dataset, architecture, numbers, metrics))
    columns = {"mean": "Mean rank"} | {metric.key: metric.heading for metric in used}
    return Table(
        name="rankings",
        title="Ranks of the maps on every metric",
        names={"variant": "Model", "method": "Map"},
        columns=columns,
        blocks=tuple(blocks),
        lower=tuple(columns),
        notes=("1 is the best; equal values share the best of their ranks.", *notes),
    )


def _numbers(groups: Sequence[Group], metrics: Sequence[Metric]) -> pd.DataFrame:
    """Means over the seeds, NaN if not measured: rows are (variant, method), columns metrics."""
    rows = {}
    for names, of_method in by_method(groups).items():
        rows[names] = {
            metric.key: float(pd.Series(found).mean())
            for metric in metrics
            if metric.task in of_method
            and (
                found := [
                    score["values"][metric.value]
                    for score in of_method[metric.task].scores
                    if metric.value in score["values"]
                ]
            )
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _agreement(
    dataset: str, architecture: str, numbers: pd.DataFrame, metrics: Sequence[Metric]
) -> str:
    """Spearman's correlation between the metrics, good with good, in words.

    It is Pearson's of the ranks, of which equal values share the mean: maps that tie are common.
    """
    ranks = pd.DataFrame({m.key: numbers[m.key].rank(ascending=m.lower) for m in metrics})
    correlation = ranks.corr(method="pearson")
    pairs = [
        f"{first.heading} and {second.heading} {correlation.loc[first.key, second.key]:.2f}"
        for index, first in enumerate(metrics)
        for second in metrics[index + 1 :]
        if pd.notna(correlation.loc[first.key, second.key])
    ]
    return f"{dataset}, {architecture}: Spearman's correlation of the ranks: {'; '.join(pairs)}."
