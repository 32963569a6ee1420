"""Differences between methods on the same images.

Every score keeps the bootstrap replicates of its headline values. Methods of a data set that were
measured on the same images draw the same resamples, so the difference of their replicates,
replicate by replicate, is the paired bootstrap of their difference.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.artefacts.table import Block, Cell
from pipeline.catalogue.training_methods import REFERENCE
from pipeline.evaluation.bootstrap import defined_interval
from pipeline.evaluation.over_seeds import interval_of_mean
from pipeline.settings import TablesJob
from pipeline.tables.pooling import cell, same_images, seed_replicates
from pipeline.tables.scores import Group, datasets_and_architectures

Scores = Sequence[Mapping[str, Any]]
GIVEN = "given"  # stands for the training method of a model from elsewhere
_UPPER = {"cam": "CAM"}  # how methods are called in words


def difference(
    scores: Scores, name: str, reference: Scores, of_reference: str, scale: float, level: float
) -> Cell | None:
    """A value minus that of a reference, seed by seed.

    The interval of a single seed is the paired bootstrap's, about other test images; of several it
    is about the mean difference of further trainings on other test images, as in
    `pipeline.tables.pooling.pooled`.

    Args:
        scores: of the method.
        name: of its value.
        reference: scores of the reference.
        of_reference: name of the reference's value.
        scale: factor of the numbers in the table.
        level: coverage of the interval.

    Returns:
        None where there is a :func:`mismatch`.
    """
    if mismatch(scores, name, reference, of_reference):
        return None
    mine, theirs = seed_replicates(scores, name), seed_replicates(reference, of_reference)
    assert mine is not None  # else there would be a mismatch
    assert theirs is not None
    differences = [
        score["values"][name] - other["values"][of_reference]
        for score, other in zip(scores, reference, strict=True)
    ]
    drawn = mine - theirs  # (S, R)
    if len(scores) == 1:
        return cell(differences, defined_interval(drawn[0], level), scale)
    return cell(differences, interval_of_mean(differences, drawn, level), scale)


def mismatch(scores: Scores, name: str, reference: Scores, of_reference: str) -> str | None:
    """Why a value cannot be compared with the reference's in pairs; None where it can.

    Resamples are the same where images and config section are: the section holds the bootstrap's
    seed and number of replicates.
    """
    everything = (*scores, *reference)
    seeds = [[score["identity"]["seed"] for score in each] for each in (scores, reference)]
    if seeds[0] != seeds[1]:
        return "the seeds differ"
    if not same_images(everything):
        return "they were not measured on the same images"
    if len({score["provenance"]["section"] for score in everything}) > 1:
        return "they were measured with different options"
    if seed_replicates(scores, name) is None or seed_replicates(reference, of_reference) is None:
        return "no bootstrap replicates are kept"
    return None


def unpaired(
    groups: Sequence[Group], job: TablesJob, headline: Callable[[Group], tuple[str, str] | None]
) -> Iterator[str]:
    """A footnote for every reason why rows have no difference from their reference.

    Args:
        groups: of one task.
        job: says which they are compared with.
        headline: a group -> the value that is compared, and that of the reference; None where the
            group has none.
    """
    found: dict[str, list[str]] = {}
    for dataset, architecture in datasets_and_architectures(groups):
        chosen = [g for g in groups if g.belongs_to(dataset, architecture) and not g.baseline]
        against = next(iter(reference(groups, dataset, architecture, job).values()), None)
        if against is None:
            wanted = chosen[0].note(job).reference
            reason = f"there is no map of {_UPPER.get(wanted, wanted)}"
            found.setdefault(reason, []).append(f"{dataset} {architecture}")
            continue
        for group in chosen:
            names = headline(group)
            if names is None or group is against:
                continue
            if why := mismatch(group.scores, names[0], against.scores, names[1]):
                row = " ".join(filter(None, (dataset, architecture, group.variant, group.method)))
                found.setdefault(why, []).append(row)
    for reason, rows in found.items():
        yield f"No {heading_of(groups, job)} is given, because {reason}: {'; '.join(rows)}."


def reference(
    groups: Sequence[Group], dataset: str, architecture: str, job: TablesJob
) -> Mapping[str, Group]:
    """Task -> the group with which those of a data set and architecture are compared.

    It is CAM's own map, or the model that CAM trained. The maps of a model from elsewhere are
    compared with its own map of CAM, or else with the first of its maps; such a model itself with
    the first one from elsewhere on the same data set.

    Args:
        groups: all of one or more tasks.
        dataset, architecture: of the rows.
        job: says how models were trained.
    """
    given = _is_given(groups, architecture, job)
    found = {}
    for group in reversed(groups):
        if group.baseline or group.dataset != dataset:
            continue
        note, here = group.note(job), group.architecture == architecture
        if given and group.method is None:
            fits = note.method == GIVEN
        else:
            fits = here and note.method in (GIVEN, REFERENCE)
            fits = fits and group.method in (note.reference, None)
        if fits:
            found[group.task] = group
    return found


def _is_given(groups: Sequence[Group], architecture: str, job: TablesJob) -> bool:
    return any(g.architecture == architecture and g.note(job).method == GIVEN for g in groups)


def reference_of(groups: Sequence[Group], dataset: str, architecture: str, job: TablesJob) -> str:
    """How the reference of a data set and architecture is called; CAM where there is none."""
    group = next(iter(reference(groups, dataset, architecture, job).values()), None)
    if group is None or group.note(job).method != GIVEN:
        return _UPPER[REFERENCE]
    return group.name if group.method is None else _UPPER.get(group.method, group.method)


def heading_of(groups: Sequence[Group], job: TablesJob) -> str:
    """The heading of the column of differences: ``Δ CAM``, if CAM is all that is compared with."""
    names = {reference_of(groups, *place, job) for place in datasets_and_architectures(groups)}
    return f"Δ {names.pop()}" if len(names) == 1 else "Δ reference"


def explained(groups: Sequence[Group], job: TablesJob, cam: str) -> str:
    """What the column of differences is, for the notes of a table.

    Args:
        groups: of the table.
        job: see :func:`reference`.
        cam: what CAM's is, if all is compared with that, as "CAM's map on the same images".
    """
    title = heading_of(groups, job)
    if title == f"Δ {_UPPER[REFERENCE]}":
        return f"{title}: the difference from {cam}, resampled together."
    places = datasets_and_architectures(groups)
    names = "; ".join(f"{' '.join(place)}: {reference_of(groups, *place, job)}" for place in places)
    return (
        f"{title}: the difference from a reference ({names}) on the same images, resampled "
        "together."
    )


def delta(
    group: Group,
    name: str,
    against: Group | None,
    of_reference: str,
    job: TablesJob,
    scale: float = 100.0,
) -> Cell | None:
    """The difference of a value from the reference's; None of the reference itself."""
    if against is None or (group is against and name == of_reference) or group.baseline:
        return None
    return difference(group.scores, name, against.scores, of_reference, scale, job.level)


def heading(blocks: Iterable[Block], text: str) -> dict[str, str]:
    """The column of differences, if any row has one."""
    return {"delta": text} if any("delta" in r.cells for b in blocks for r in b.rows) else {}
