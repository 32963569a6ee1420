"""Table 2: top-1 accuracy of every model, and top-5 where there are more classes."""

from collections.abc import Sequence

from pipeline.artefacts.table import SEEDS, Block, MainNumber, Row, Table
from pipeline.settings import TablesJob
from pipeline.tables import published
from pipeline.tables.paired import delta, heading, reference, unpaired
from pipeline.tables.pooling import pooled, sources
from pipeline.tables.scores import Group


def accuracy_table(groups: Sequence[Group], job: TablesJob) -> Table:
    """Table 2: a block for every (data set, architecture) from all classification scores."""

    def measured(chosen: list[Group]) -> list[Row]:
        cam = reference(chosen, job).get("classification")
        return [
            Row(
                kind="measured",
                names=(group.name,),
                cells={
                    column: cell
                    for column, cell in (
                        ("top1", pooled(group.scores, "top1", level=job.level)),
                        ("delta", delta(group, "top1", cam, "top1", job)),
                        ("top5", pooled(group.scores, "top5", level=job.level)),
                    )
                    if cell
                },
                trained=group.note(job).method,
                sources=sources(group.scores),
            )
            for group in chosen
        ]

    blocks = published.blocks_with_published(
        groups,
        job,
        measured,
        same_setting=published.accuracy_rows,
        another_setting=Block(
            heading="published (CUB, ResNet50; another setting)",
            keys={"dataset": "CUB", "architecture": "ResNet50"},
            rows=tuple(published.accuracy_rows("cub")),
        ),
    )
    measures_top5 = any("top5" in row.cells for block in blocks for row in block.rows)
    top5 = {"top5": "Top-5"} if measures_top5 else {}
    return Table(
        name="accuracy",
        title="Classification: accuracy (%) on the test split",
        names={"variant": "Model"},
        columns={"top1": "Top-1"} | heading(blocks, "Δ CAM") | top5,
        blocks=tuple(blocks),
        main={"top1": MainNumber(heading="Top-1 accuracy", words="top-1 accuracy")},
        notes=(
            f"Protocol {job.protocol}. Brackets are bootstrap intervals over images. {SEEDS} "
            "Δ CAM: the difference from the CAM model on the same images, resampled together.",
            *unpaired(groups, job, lambda group: ("top1", "top1")),
        ),
    )
