"""Means over trunks and over data sets, as in the paper's Tables 3 and 5, with their intervals.

An interval of a mean is about the same as those of its parts: other test images and, of several
seeds, further trainings. It says nothing of other trunks or other data sets. Trunks of a data set
are measured on the same images, so their bootstrap replicates are averaged replicate by replicate;
data sets are independent of each other, so theirs are put in another order first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.artefacts.table import Cell
from pipeline.evaluation.bootstrap import defined_interval
from pipeline.evaluation.over_seeds import interval_of_mean
from pipeline.tables.pooling import cell, same_images, seed_replicates


@dataclass(frozen=True)
class Drawn:
    """A value of each seed, and how it would move with other test images.

    Attributes:
        values: (S,) fractions.
        replicates: (S, R); None where there is no honest interval.
    """

    values: np.ndarray
    replicates: np.ndarray | None


def over_trunks(scores: Sequence[Sequence[Mapping[str, Any]]], name: str) -> Drawn | None:
    """The mean of a value over trunks, for each seed.

    Args:
        scores: of each trunk, one for each seed.
        name: of the value.

    Returns:
        Replicates where all trunks and seeds were measured on the same images and keep them. None
        where the trunks have different seeds, so that there is no mean for each.
    """
    seeds = {tuple(score["identity"]["seed"] for score in of_trunk) for of_trunk in scores}
    if len(seeds) != 1:
        return None
    values = np.mean([[score["values"][name] for score in each] for each in scores], axis=0)
    drawn = [seed_replicates(each, name) for each in scores]
    kept = [each for each in drawn if each is not None]
    together = same_images(score for each in scores for score in each)
    if not together or len(kept) < len(drawn) or len({each.shape for each in kept}) != 1:
        return Drawn(values, None)
    return Drawn(values, np.mean(kept, axis=0))


def over_datasets(parts: Sequence[Drawn]) -> Drawn | None:
    """The mean over data sets, for each seed; None where their numbers of seeds differ."""
    if len({len(part.values) for part in parts}) != 1:
        return None
    values = np.mean([part.values for part in parts], axis=0)
    kept = [part.replicates for part in parts if part.replicates is not None]
    if len(kept) < len(parts) or len({each.shape for each in kept}) != 1:
        return Drawn(values, None)
    # equal seeds of the bootstrap would draw alike from both
    orders = [np.random.default_rng(k).permutation(each.shape[1]) for k, each in enumerate(kept)]
    mixed = [each[:, order] for each, order in zip(kept, orders, strict=True)]
    return Drawn(values, np.mean(mixed, axis=0))


def mean_cell(drawn: Drawn, level: float) -> Cell:
    """The mean over seeds in percent, with its interval, as `pipeline.tables.pooling.pooled` does.

    The interval holds the value: that of a box accuracy is lowered by what choosing its threshold
    gains (`pipeline.evaluation.localisation.wsol_summary`).
    """
    values, ends = list(drawn.values), None
    if drawn.replicates is not None and len(values) == 1:
        ends = defined_interval(drawn.replicates[0], level)
        ends = ends and (ends[0], max(ends[1], values[0]))
    elif drawn.replicates is not None:
        ends = interval_of_mean(values, drawn.replicates, level)
    if ends and len(values) > 1:
        ends = (max(ends[0], 0.0), min(ends[1], 1.0))
    return cell(values, ends, 100.0)
