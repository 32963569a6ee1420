"""Top-1 accuracy of every model (the paper's Table 2), and top-5 where there are more classes."""

from collections.abc import Iterator, Sequence

from pipeline.artefacts.table import SEEDS, Cell, MainNumber, Row, Table
from pipeline.settings import TablesJob
from pipeline.tables import published
from pipeline.tables.paired import delta, explained, heading, heading_of, reference, unpaired
from pipeline.tables.pooling import pooled, sources
from pipeline.tables.scores import Group


def accuracy_table(groups: Sequence[Group], job: TablesJob) -> Table:
    """A block for every (data set, architecture) from all classification scores."""

    def measured(chosen: list[Group]) -> list[Row]:
        place = chosen[0].dataset, chosen[0].architecture or ""
        against = reference(groups, *place, job).get("classification")
        rows = [
            Row(
                kind="measured",
                names=(group.name,),
                cells={
                    column: cell
                    for column, cell in (
                        ("top1", pooled(group.scores, "top1", level=job.level)),
                        ("delta", delta(group, "top1", against, "top1", job)),
                        ("top5", pooled(group.scores, "top5", level=job.level)),
                    )
                    if cell
                },
                trained=group.note(job).method,
                sources=sources(group.scores),
            )
            for group in chosen
        ]
        return [*rows, *_chance(chosen)]

    blocks = published.blocks_with_published(groups, job, measured, published.accuracy_rows)
    measures_top5 = any("top5" in row.cells for block in blocks for row in block.rows)
    top5 = {"top5": "Top-5 accuracy"} if measures_top5 else {}
    difference = heading(blocks, heading_of(groups, job))
    return Table(
        name="accuracy",
        title="Classification: accuracy (%) on the test split",
        names={"variant": "Model"},
        columns={"top1": "Top-1 accuracy"} | difference | top5,
        blocks=tuple(blocks),
        main={
            "top1": MainNumber(
                heading="Top-1 accuracy",
                words="top-1 accuracy",
                delta="delta" if difference else "",
                meaning="the share of test images whose most likely class is the true one",
            )
        },
        notes=(
            f"Protocol {job.protocol}. Brackets are bootstrap intervals over images. {SEEDS} "
            f"{explained(groups, job, 'the CAM model on the same images')} "
            "Chance: the share of the most frequent class, which is what the best constant "
            "prediction gets right.",
            *unpaired(groups, job, lambda group: ("top1", "top1")),
        ),
    )


def _chance(groups: Sequence[Group]) -> Iterator[Row]:
    """What a constant prediction gets right, where the scores count the images of each class."""
    counts = [each["images"] for each in groups[0].scores[0]["details"].get("per_class", ())]
    if counts:
        share = Cell(value=100.0 * max(counts) / sum(counts))
        yield Row(
            kind="baseline",
            names=("chance",),
            cells={"top1": share},
            sources=sources(groups[0].scores),
        )
