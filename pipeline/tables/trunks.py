"""Table 5's shape: localisation of every method by data set and architecture."""

from collections.abc import Sequence

from pipeline.artefacts.table import SEEDS, Block, Cell, Row, Table
from pipeline.settings import TablesJob
from pipeline.tables import published
from pipeline.tables.pooling import pooled, sources
from pipeline.tables.scores import Group, datasets_and_architectures

_PUBLISHED = {
    f"{dataset}_{trunk}": f"{title} {trunk}"
    for dataset, title in (("imagenet", "ImageNet"), ("cub", "CUB"), ("openimages", "OpenImages"))
    for trunk in ("vgg16", "inception_v3", "resnet50")
}


def trunk_table(groups: Sequence[Group], job: TablesJob) -> Table:
    """Methods x (data set x architecture): MaxBoxAccV2, or PxAP where there are masks alone.

    The paper's numbers are a block of their own: its trunks, training and images differ from a
    study's unless the study is the paper's.
    """
    cells: dict[tuple[str, str, str], dict[str, Cell]] = {}
    made_of: dict[tuple[str, str, str], list] = {}
    columns, missing = {}, []
    for dataset, architecture in datasets_and_architectures(groups):
        column = f"{dataset}/{architecture}"
        columns[column] = f"{dataset} {architecture}"
        for group in groups:
            if group.baseline or not group.belongs_to(dataset, architecture):
                continue
            for target in dict.fromkeys(n.split(".")[0] for n in group.scores[0]["values"]):
                values = group.scores[0]["values"]
                name = next(
                    (n for m in ("maxboxaccv2", "pxap") if (n := f"{target}.{m}") in values), None
                )
                cell = pooled(group.scores, name, 100.0, job.level) if name else None
                if name and cell:
                    if name.endswith(".pxap"):
                        columns[column] = f"{dataset} {architecture} (PxAP)"
                    key = (group.name, group.method, target)
                    cells.setdefault(key, {})[column] = cell
                    made_of.setdefault(key, []).extend(sources(group.scores))
    for key, found in cells.items():
        absent = [columns[column] for column in columns if column not in found]
        if absent:
            missing.append(f"{' '.join(key)} not measured on {', '.join(absent)}")
    rows = [
        Row(kind="measured", names=key, cells=found, sources=tuple(made_of[key]))
        for key, found in cells.items()
    ]
    blocks = [
        Block(heading="measured", keys={"source": "measured"}, rows=tuple(rows)),
        Block(
            heading="published (paper, Table 5): other trunks, training and images, unless the "
            "study is the paper's",
            keys={"source": "published"},
            rows=tuple(published.trunk_rows(_PUBLISHED)),
        ),
    ]
    notes = [
        "MaxBoxAccV2 where images have boxes, PxAP where they have masks alone. A dash in a "
        "measured row: the study has no such model or map; in a published row: the paper has no "
        f"such number. {SEEDS}"
    ]
    if missing:
        notes.append("; ".join(missing) + ": the study has no such model or map.")
    return Table(
        name="trunks",
        title="Localisation by data set and architecture (%)",
        names={"variant": "Model", "method": "Map", "target": "Target"},
        columns=columns | _PUBLISHED,
        blocks=tuple(blocks),
        notes=tuple(notes),
    )
