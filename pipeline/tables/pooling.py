"""From the scores of one or several seeds to a cell: their mean, its interval and their spread."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.artefacts.scores import RANGES, read_arrays
from pipeline.artefacts.table import Cell, Source
from pipeline.evaluation.over_seeds import interval_of_ends, interval_of_mean


def pooled(
    scores: Sequence[Mapping[str, Any]], name: str, scale: float = 100.0, level: float = 0.95
) -> Cell | None:
    """A value over seeds: of score files -> a cell; None where a score lacks it.

    The interval of a single seed is its own, about other test images. Of several seeds it is about
    the mean of further trainings on other test images, see `pipeline.evaluation.over_seeds`, and
    stays within the range of the task's values. There is none where a seed has none.

    Args:
        scores: one per seed.
        name: of the value.
        scale: factor; 100 for percent.
        level: coverage of the interval of several seeds.
    """
    if any(name not in score["values"] for score in scores):
        return None
    values = [score["values"][name] for score in scores]
    ends = [score["intervals"][name] for score in scores if name in score["intervals"]]
    replicates = seed_replicates(scores, name)
    found: Sequence[float] | None = None
    if len(scores) == 1:
        found = ends[0] if ends else None
    elif replicates is not None:
        found = interval_of_mean(values, replicates, level)
    elif len(ends) == len(scores):
        found = interval_of_ends(values, ends, level)
    if found and len(scores) > 1 and scores[0].get("task") in RANGES:
        found = [float(end) for end in np.clip(found, *RANGES[scores[0]["task"]])]
    return cell(values, found, scale)


def cell(values: Sequence[float], ends: Sequence[float] | None, scale: float) -> Cell:
    """The mean of values, one for each seed, with their interval and, of several, their spread."""
    scaled = [scale * value for value in values]
    low, high = (scale * end for end in ends) if ends else (None, None)
    sd = float(np.std(scaled, ddof=1)) if len(scaled) > 1 else None
    return Cell(value=float(np.mean(scaled)), low=low, high=high, sd=sd)


def seed_replicates(scores: Sequence[Mapping[str, Any]], name: str) -> np.ndarray | None:
    """Replicates of a value in each seed.

    Args:
        scores: one per seed, with their ``path``.
        name: of the value.

    Returns:
        (S, R), NaN where the value is not defined in a resample; None where a seed keeps none, or
        the seeds are not measured on the same images.
    """
    if not same_images(scores):
        return None
    found = [per_image(score).get(f"replicates.{name}") for score in scores]
    kept = [each for each in found if each is not None]
    if len(kept) < len(found) or len({len(each) for each in kept}) != 1:
        return None
    return np.array(kept)


def same_images(scores: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all scores name the images (or grids) that they measured, and these are the same."""
    ids = [per_image(score).get("image_id") for score in scores]
    first = ids[0]
    return first is not None and all(
        each is not None and np.array_equal(each, first) for each in ids
    )


def per_image(score: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
    """The results per image that belong to a score; none of a score that is in no file."""
    return read_arrays(score["path"]) if "path" in score else {}


def sources(scores: Sequence[Mapping[str, Any]]) -> tuple[Source, ...]:
    """Where the numbers of a row come from; ``scores`` carry their ``path``."""
    return tuple(
        Source(
            score=score["path"],
            seed=score["identity"]["seed"],
            config_digest=score["provenance"]["section"],
            inputs_sha256=score["provenance"]["inputs"],
        )
        for score in scores
    )
