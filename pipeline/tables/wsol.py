"""Table 3: weakly supervised object localisation, MaxBoxAccV2."""

from collections.abc import Iterator, Sequence

from pipeline.settings import TablesJob
from pipeline.tables import published
from pipeline.tables.scores import Group, datasets_and_architectures
from pipeline.tables.table import Block, Row, Table, pooled, sources


def wsol_table(groups: Sequence[Group], job: TablesJob) -> Table:
    """Table 3: a block for every (data set, architecture); a row for every method and target.

    Targets are the maps' own: of the class, of its superset, or of the location prior.
    """
    blocks, compared = [], False
    for dataset, architecture in datasets_and_architectures(groups):
        chosen = [group for group in groups if group.belongs_to(dataset, architecture)]
        images = chosen[0].scores[0]["details"]["images"]
        rows = [row for group in chosen for row in _rows(group, job)]
        if published.same_images(images, chosen[0].note(job).trunk):
            rows += published.wsol_rows(resnet50=True)
            compared = True
        blocks.append(
            Block(
                heading=f"{dataset}, {architecture} ({images} test images)",
                keys={"dataset": dataset, "architecture": architecture},
                rows=tuple(rows),
            )
        )
    if not compared:
        blocks.append(
            Block(
                heading="published (CUB, mean of VGG16, Inception and ResNet50; another setting)",
                keys={"dataset": "CUB", "architecture": "mean of 3"},
                rows=tuple(published.wsol_rows(resnet50=False)),
            )
        )
    found = {column for block in blocks for row in block.rows for column in row.cells}
    single = sorted(
        (column for column in found if column != "maxboxaccv2"),
        key=lambda column: float(column.removeprefix("maxboxacc_")),
    )
    columns = {column: f"IoU {column.removeprefix('maxboxacc_')} %" for column in single}
    return Table(
        name="table3_wsol",
        title="Localisation: MaxBoxAccV2 (%) and accuracy at each IoU threshold",
        names={"variant": "Model", "method": "Map", "target": "Target"},
        columns={"maxboxaccv2": "MaxBoxAccV2"} | columns,
        blocks=tuple(blocks),
        notes=(
            f"Protocol {job.protocol}. Target: the true class, its superset (+Y in the paper), or "
            "the location prior p(z|x). One map threshold for the whole test split, the best for "
            "each IoU. Brackets are bootstrap intervals over images, their ends averaged over the "
            "seeds; ± is the standard deviation over the seeds where there are several.",
        ),
    )


def _rows(group: Group, job: TablesJob) -> Iterator[Row]:
    """One row a target that the scores have."""
    targets: dict[str, list[str]] = {}
    for name in group.scores[0]["values"]:
        target, _, column = name.partition(".")
        targets.setdefault(target, []).append(column)
    for target, columns in targets.items():
        cells = {column: pooled(group.scores, f"{target}.{column}") for column in columns}
        yield Row(
            kind="baseline" if group.baseline else "measured",
            names=("baseline", group.method, "")
            if group.baseline
            else (group.variant, group.method, target),
            cells={column: cell for column, cell in cells.items() if cell},
            trained=None if group.baseline else group.note(job).method,
            sources=sources(group.scores),
        )
