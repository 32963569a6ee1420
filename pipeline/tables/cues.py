"""Cue localisation, mPxAP by number of differing parts: the paper's Table 1."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.artefacts.table import SEEDS, Block, MainNumber, Row, Table
from pipeline.settings import TablesJob
from pipeline.tables import published
from pipeline.tables.paired import (
    delta,
    explained,
    heading,
    heading_of,
    reference,
    reference_of,
    unpaired,
)
from pipeline.tables.pooling import pooled, sources
from pipeline.tables.scores import Group, datasets_and_architectures

Score = Mapping[str, Any]

_CAM_MAP = "CAM's map on the same pairs and images"
_MASKS = {"": "estimated", "true_": "true"}
# of |sA − sB| as it is, not pooled over images
_SHARES = {"mass": "Relevance mass", "rank": "Relevance rank"}
_SIZES = {
    "raw": "|sA − sB| as it is",
    "minmax": "|sA − sB| scaled to [0, 1] image by image",
    "released": "|sA − sB| as the authors ran their code (CALM clipped at 1, others scaled)",
}


def cue_table(groups: Sequence[Group], checks: Mapping[str, Any], job: TablesJob) -> Table:
    """Cue localisation of every map, by number of differing parts.

    Args:
        groups: all scores of the task cue_localization.
        checks: data set -> check.json of its cues stage.
        job: protocol and models; its first normalisation is the headline.

    Returns:
        A block for every (data set, architecture, kind of masks, normalisation), with the
        published rows if the setting is the paper's.
    """
    blocks = []
    for dataset, architecture in datasets_and_architectures(groups):
        chosen = [group for group in groups if group.belongs_to(dataset, architecture)]
        details = chosen[0].scores[0]["details"]
        trunk = chosen[0].note(job).trunk
        against = reference(groups, dataset, architecture, job).get("cue_localization")
        same = published.same_pairs(details["pairs"], trunk)
        for prefix, masks in _MASKS.items():
            for normalisation in job.normalisations:
                rows_of = (_row(group, against, prefix, normalisation, job) for group in chosen)
                rows = [row for row in rows_of if row]
                if not rows:
                    continue
                if same and not prefix:
                    rows += published.cue_rows()
                blocks.append(
                    Block(
                        heading=f"{dataset}, {architecture}: {masks} cue masks, "
                        f"{_SIZES.get(normalisation, normalisation)}",
                        keys={
                            "dataset": dataset,
                            "architecture": architecture,
                            "masks": masks,
                            "normalisation": normalisation,
                        },
                        rows=tuple(rows),
                        reference=reference_of(groups, dataset, architecture, job),
                    )
                )
    found = {column for block in blocks for row in block.rows for column in row.cells}
    numbers = sorted(int(c.removeprefix("parts_")) for c in found if c.startswith("parts_"))
    columns = {f"parts_{n}": f"{n} part{'s' if n > 1 else ''}" for n in numbers}
    difference = heading(blocks, f"Mean by pairs: {heading_of(groups, job)}")
    return Table(
        name="cue_localization",
        title="Cue localisation: mPxAP (%) by number of differing parts",
        names={"variant": "Model", "method": "Map"},
        columns=columns
        | {"weighted": "Mean by pairs"}
        | difference
        | {"unweighted": "Mean of columns"}
        | {column: words for column, words in _SHARES.items() if column in found},
        blocks=tuple(blocks),
        main={
            "weighted": MainNumber(
                heading="Cues: mPxAP",
                words="mPxAP averaged over pairs",
                delta="delta" if difference else "",
                meaning="pixel-wise average precision with which the difference of the maps of two "
                "classes finds the parts in which these classes differ, averaged over pairs of "
                "classes",
            )
        },
        notes=tuple(_notes(groups, checks, job)) if groups else (),
    )


def _row(
    group: Group, against: Group | None, prefix: str, normalisation: str, job: TablesJob
) -> Row | None:
    """The row of a method, or None where it was not measured so."""
    mean = f"{prefix}mpxap_weighted_{normalisation}"
    cells = {}
    for name in group.scores[0]["values"]:
        if name.startswith(f"{prefix}mpxap_") and name.endswith(f"_{normalisation}"):
            key = name.removeprefix(f"{prefix}mpxap_").removesuffix(f"_{normalisation}")
            column = f"parts_{key}" if key.isdigit() else key
            cells[column] = pooled(group.scores, name, level=job.level)
    if normalisation == "raw":
        for column in _SHARES:
            cells[column] = pooled(group.scores, f"{prefix}{column}_weighted", level=job.level)
    cells["delta"] = delta(group, mean, against, mean, job)
    known = {column: cell for column, cell in cells.items() if cell}
    if not known:
        return None
    if group.baseline:
        return Row(
            kind="baseline",
            names=(group.name, group.method),
            cells=known,
            sources=sources(group.scores),
        )
    return Row(
        kind="measured",
        names=(group.name, group.method),
        cells=known,
        trained=group.note(job).method,
        sources=sources(group.scores),
    )


def _notes(groups: Sequence[Group], checks: Mapping[str, Any], job: TablesJob) -> list[str]:
    """What the numbers stand for; counts of each data set once, as all of its scores share them."""
    details = [score["details"] for g in groups if not g.baseline for score in g.scores]
    thresholds = ", ".join(sorted({each["thresholds"] for each in details}))
    pooling = ", ".join(sorted({each["pooling"] for each in details}))
    notes = [
        f"Protocol {job.protocol}: thresholds {thresholds}; pooling {pooling}. Brackets are "
        f"bootstrap intervals (class pairs, then images within a pair). {SEEDS} Pairs that share "
        "classes are resampled as if they did not: where a class is in three pairs, 95 % intervals "
        "hold the true value in 87 % of simulated cases (docs/protocols.md). "
        f"{explained(groups, job, _CAM_MAP)} Relevance mass: the share of |sA − sB| that lies on "
        "cue pixels; rank: the share of its highest pixels, as many as are cue pixels; image by "
        "image, then means by pairs (Arras et al., 2022)."
    ]
    mean = f"mpxap_weighted_{job.normalisations[0]}"
    notes += unpaired(groups, job, lambda group: (mean, mean))
    for dataset in dict.fromkeys(group.dataset for group in groups):
        details = next(g for g in groups if g.dataset == dataset).scores[0]["details"]
        pairs = ", ".join(f"{count} with {n}" for n, count in sorted(details["pairs"].items()))
        foreground = ", ".join(f"{kind} ({n})" for kind, n in sorted(details["foreground"].items()))
        note = (
            f"{dataset}: class pairs by number of differing parts: {pairs}. Foreground of the part "
            f"maps (images): {foreground}. Image-pair combinations: "
            f"{details['image_pairs']['masks']} measured, "
            f"{details['image_pairs_skipped']['masks']} skipped, because no differing part is "
            "visible."
        )
        iou = checks.get(dataset, {}).get("iou", {})
        if iou:
            means = ", ".join(f"{entry['mean']:.3f} ({n})" for n, entry in sorted(iou.items()))
            note += f" IoU of estimated with true cue masks (number of parts): {means}."
        notes.append(note)
    return notes
