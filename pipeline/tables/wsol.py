"""Weakly supervised object localisation, MaxBoxAccV2: more than the paper's Table 3."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pipeline.artefacts.table import SEEDS, MainNumber, Row, Table
from pipeline.settings import TablesJob
from pipeline.tables import published
from pipeline.tables.paired import delta, explained, heading_of, reference, unpaired
from pipeline.tables.pooling import pooled, sources
from pipeline.tables.scores import Group


def wsol_table(groups: Sequence[Group], job: TablesJob) -> Table:
    """A block for every (data set, architecture); a row for every method and target.

    Targets are the maps' own: of the class, of its superset, or of the location prior.
    """

    def measured(chosen: list[Group]) -> list[Row]:
        place = chosen[0].dataset, chosen[0].architecture or ""
        against = reference(groups, *place, job).get("wsol")
        return [row for group in chosen for row in _rows(group, against, job)]

    blocks = published.blocks_with_published(groups, job, measured, published.wsol_rows)
    found = {column for block in blocks for row in block.rows for column in row.cells}
    columns = _columns(found, heading_of(groups, job))
    return Table(
        name="wsol",
        title="Localisation: MaxBoxAccV2 (%) and accuracy at each IoU threshold",
        names={"variant": "Model", "method": "Map", "target": "Target"},
        columns=columns,
        blocks=tuple(blocks),
        main={
            column: MainNumber(
                heading=columns[column],
                words=columns[column],
                delta=_DELTAS[column] if _DELTAS[column] in columns else "",
                meaning=_MEANINGS[column],
            )
            for column in HEADLINES
            if column in columns
        },
        notes=(
            f"Protocol {job.protocol}. Target: the true class, its superset (+Y in the paper), or "
            "the location prior p(z|x). One map threshold for the whole test split, the best for "
            "each IoU; also one chosen on val, and as a diagnostic the best for every image, the "
            "other reading of Appendix E. Brackets are bootstrap intervals over "
            f"images. {SEEDS} {_CHOSEN} "
            + explained(groups, job, "CAM's map of the true class on the same images"),
            *unpaired(groups, job, _headline),
            *_skips(groups),
        ),
    )


_CHOSEN = (
    "Where the map threshold is chosen on the test images, brackets are for the best threshold's "
    "accuracy on other images: they are corrected for the gain from choosing, so that the number "
    "lies above their middle. In simulations, nominal 95 % intervals of MaxBoxAccV2 cover the "
    "truth in 91 to 94 % of cases from 100 to 1 389 images (docs/protocols.md)."
)

HEADLINES = {"maxboxaccv2": "MaxBoxAccV2", "pxap": "PxAP"}
_DELTAS = {"maxboxaccv2": "delta", "pxap": "delta.pxap"}
_MEANINGS = {
    "maxboxaccv2": "the share of images on which a box around a map's highest values overlaps the "
    "object's box, averaged over three thresholds of their overlap (IoU)",
    "pxap": "pixel-wise average precision with which a map finds the object's mask",
}

_READINGS = {
    "maxboxaccv2_val_threshold": "V2, threshold from val",
    "maxboxaccv2_own_threshold": "V2, own threshold (diagnostic)",
    "maxboxacc_v1": "V1",
    "pxap_bins": "PxAP, 1000 bins",
}


def _columns(found: Collection[str], difference: str) -> dict[str, str]:
    """Headings of the columns that some row has, the headline and its ``difference`` first."""
    single = sorted(
        (c for c in found if c.removeprefix("maxboxacc_").replace(".", "", 1).isdigit()),
        key=lambda column: float(column.removeprefix("maxboxacc_")),
    )
    headings = {"maxboxaccv2": HEADLINES["maxboxaccv2"], "delta": difference}
    headings |= {"pxap": HEADLINES["pxap"], "delta.pxap": f"PxAP: {difference}"}
    headings |= {column: f"IoU {column.removeprefix('maxboxacc_')} %" for column in single}
    return {c: heading for c, heading in (headings | _READINGS).items() if c in found}


# details that count what a data set lacks -> their words in a footnote
_LACKING = {
    "images_without_boxes": "Images without a box",
    "boxes_cut_away": "Boxes outside of the part of the image that is shown",
    "images_without_object_pixels": "Images whose masks are empty",
}


def _skips(groups: Sequence[Group]) -> Iterator[str]:
    """What was left out or could not be measured, as footnotes."""
    for key, words in _LACKING.items():
        counts = {
            f"{group.dataset} {count}"
            for group in groups
            if (count := _detail(group.scores[0], key, 0))
        }
        if counts:
            yield f"{words}: {'; '.join(sorted(counts))}."
    constant = [
        " ".join(filter(None, (group.dataset, group.variant, group.method, str(count))))
        for group in groups
        if (count := sum(_detail(score, "constant_maps", 0) for score in group.scores))
    ]
    if constant:
        rows = "; ".join(constant)
        yield f"Maps that are constant (they give no box, and count as wrong): {rows}."
    absent = {
        f"{group.dataset}: {reason}"
        for group in groups
        if (reason := _detail(group.scores[0], "val_threshold_absent", ""))
    }
    if absent:
        yield f"No threshold from val. {'; '.join(sorted(absent))}."


def _detail(score: Mapping[str, Any], key: str, default: Any) -> Any:
    """A detail of the score itself or of its kind of maps."""
    details = score["details"]
    inner = (each for each in details.values() if isinstance(each, Mapping))
    return next((each[key] for each in (details, *inner) if key in each), default)


def _headline(group: Group) -> tuple[str, str] | None:
    """The value that is compared, and that of the reference's map of the class.

    The first of `HEADLINES` that the images have boxes or masks for.
    """
    values = group.scores[0]["values"]
    return next(
        (
            (name, f"class.{column}")
            for column in HEADLINES
            for name in values
            if name.endswith(f".{column}")
        ),
        None,
    )


def _rows(group: Group, against: Group | None, job: TablesJob) -> Iterator[Row]:
    """One row per target that the scores have."""
    targets: dict[str, list[str]] = {}
    for name in group.scores[0]["values"]:
        target, _, column = name.partition(".")
        targets.setdefault(target, []).append(column)
    for target, columns in targets.items():
        cells = {
            column: pooled(group.scores, f"{target}.{column}", level=job.level)
            for column in columns
        }
        for column, name in _DELTAS.items():
            if column in columns:
                cells[name] = delta(group, f"{target}.{column}", against, f"class.{column}", job)
        yield Row(
            kind="baseline" if group.baseline else "measured",
            names=(group.name, group.method, "" if group.baseline else target),
            cells={column: cell for column, cell in cells.items() if cell},
            trained=None if group.baseline else group.note(job).method,
            sources=sources(group.scores),
        )
