"""Two models, or two maps, number by number, on the same images."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.artefacts.table import Cell
from pipeline.catalogue.evaluation_entries import Column
from pipeline.catalogue.evaluations import EVALUATIONS, OF_PREDICTIONS
from pipeline.tables.paired import difference, mismatch
from pipeline.tables.pooling import pooled
from pipeline.tables.scores import Group

# the main numbers of the evaluations that have no columns in the catalogue
_FIXED = {"classification": (Column("top1", "Top-1 accuracy"),)}
# of localisation, whose names begin with what a map explains: the class, its superset or the prior
_LOCALISATION = {"maxboxaccv2": "MaxBoxAccV2", "pxap": "PxAP"}
_CUES = "mpxap_weighted_"  # and how maps were scaled
# tables whose headings need their title
_OF_TABLES = {"erasing": "Erasing", "gaze": "Gaze"}


class Compared(NamedTuple):
    """One number of both.

    Attributes:
        dataset: on which it was measured.
        heading: what it is.
        methods: of the maps of both; empty for numbers of models.
        cells: of both, percent unless plain.
        difference: the first minus the second; None where it is not paired.
        reason: why it is not.
        plain: the number is no rate.
    """

    dataset: str
    heading: str
    methods: tuple[str, str]
    cells: tuple[Cell, Cell]
    difference: Cell | None
    reason: str
    plain: bool


def compared(
    first: Sequence[Group], second: Sequence[Group], level: float, *, across: bool = False
) -> Iterator[Compared]:
    """Every number that both have.

    Args:
        first, second: the groups of a model, or of one map.
        level: coverage of the intervals.
        across: maps of different methods are compared too.
    """
    for one in first:
        for other in second:
            same = (one.task, one.dataset) == (other.task, other.dataset)
            if same and (across or one.method == other.method):
                yield from _of_pair(one, other, level)


def _of_pair(one: Group, other: Group, level: float) -> Iterator[Compared]:
    for column, of_other in _pairs(one, other):
        scale = 100.0 if column.percent else 1.0
        mine = pooled(one.scores, column.value, scale, level)
        theirs = pooled(other.scores, of_other, scale, level)
        if mine is None or theirs is None:
            continue
        pair = one.scores, column.value, other.scores, of_other
        yield Compared(
            dataset=one.dataset,
            heading=": ".join(filter(None, (_OF_TABLES.get(column.table), column.heading))),
            methods=(one.method or "", other.method or ""),
            cells=(mine, theirs),
            difference=difference(*pair, scale, level),
            reason=mismatch(*pair) or "",
            plain=not column.percent,
        )


def _pairs(one: Group, other: Group) -> Iterator[tuple[Column, str]]:
    """The numbers of one with the names of the other's; of localisation whatever maps explain."""
    if one.task != "wsol":
        yield from ((column, column.value) for column in _columns(one))
        return
    for measure, heading in _LOCALISATION.items():
        for mine, explained in _explained(one, measure).items():
            for theirs, of_other in _explained(other, measure).items():
                what = " - ".join(dict.fromkeys((explained, of_other)))
                words = heading if what == "class" else f"{heading} ({what})"
                yield Column(mine, words), theirs


def _explained(group: Group, measure: str) -> dict[str, str]:
    """Name of a value -> what its map explains."""
    names = (name for name in group.scores[0]["values"] if name.endswith(f".{measure}"))
    return {name: name.removesuffix(f".{measure}") for name in names}


def _columns(group: Group) -> Sequence[Column]:
    """The numbers of an evaluation that tables show, but for those that another one has."""
    if group.task == "cue_localization":
        names = [name for name in group.scores[0]["values"] if name.startswith(_CUES)]
        return [Column(name, f"Cues: mPxAP ({name.removeprefix(_CUES)})") for name in names]
    if group.task in _FIXED:
        return _FIXED[group.task]
    entry = (OF_PREDICTIONS | EVALUATIONS).get(group.task)
    columns = entry.columns if entry else ()
    if group.task in OF_PREDICTIONS:  # its table repeats the accuracy
        elsewhere = {column.value for column in _FIXED["classification"]}
        columns = tuple(column for column in columns if column.value not in elsewhere)
    return columns
