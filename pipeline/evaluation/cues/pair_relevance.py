"""Relevance mass and rank accuracy of one class pair after another, against its cue masks.

Arras et al., "CLEVR-XAI", Information Fusion 2022, as `pipeline.evaluation.pointing.relevance`, but
of |s_A - s_B| and of the parts in which the classes differ, image by image, where PxAP pools the
pixels of a pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.evaluation.bootstrap import resample_counts
from pipeline.evaluation.erasing.relevance import rank_accuracy
from pipeline.runtime.seeds import image_seed
from pipeline.settings import Bootstrap

NAMES = ("mass", "rank")


def mass_and_rank(scores: np.ndarray, cue: np.ndarray, seed: int) -> tuple[float, float]:
    """The share of scores, and of the K highest ones, that lie on K cue pixels.

    Args:
        scores: (H, W), not negative, finite.
        cue: bool (H, W), true somewhere.
        seed: of the order of equal scores.

    Returns:
        Each in [0, 1]; the mass is NaN where all scores are 0. Constant and random scores have the
        share of cue pixels in both, on average.
    """
    total = scores.sum(dtype=np.float64)
    mass = scores[cue].sum(dtype=np.float64) / total if total > 0 else np.nan
    return float(mass), rank_accuracy(scores, cue, seed)


@dataclass
class PairRelevance:
    """One of the shares over pairs, with what its intervals need.

    Attributes:
        of_images: (n,) per pair, of its images; NaN where it is not defined.
        means: one per pair; NaN where it is defined for no image.
        replicates: (R,) per pair.
    """

    of_images: list[np.ndarray] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    replicates: list[np.ndarray] = field(default_factory=list)

    def add(self, numbers: np.ndarray, pair: tuple[int, int], bootstrap: Bootstrap) -> None:
        """Add a pair.

        Args:
            numbers: (n,) of its images.
            pair: ids of its classes; with the seed they decide the draws, as for PxAP.
            bootstrap: replicates and seed.
        """
        self.of_images.append(numbers)
        self.means.append(float(_mean(np.ones((1, len(numbers))), numbers)[0]))
        self.replicates.append(_replicates(numbers, pair, bootstrap))


def relevance_of_images(
    scores: np.ndarray, cues: np.ndarray, image_ids: Sequence[str]
) -> dict[str, np.ndarray]:
    """Both shares of each image: name -> (n,), NaN where an image has no cue pixel.

    Args:
        scores: (n, H, W), not negative.
        cues: bool (n, H, W).
        image_ids: n names, which decide the order of equal scores.
    """
    found = np.full((len(image_ids), len(NAMES)), np.nan)
    for row, (image_id, score, cue) in enumerate(zip(image_ids, scores, cues, strict=True)):
        if cue.any():
            found[row] = mass_and_rank(score, cue, image_seed(0, image_id))
    return dict(zip(NAMES, found.T, strict=True))


def _replicates(numbers: np.ndarray, pair: tuple[int, int], bootstrap: Bootstrap) -> np.ndarray:
    """(R,) means of resamples of a pair's images; NaN where it is defined for none of them."""
    if not len(numbers):
        return np.full(bootstrap.replicates, np.nan)
    rng = np.random.default_rng([bootstrap.seed, *pair])
    drawn = resample_counts(rng, len(numbers), bootstrap.replicates)
    return np.concatenate([_mean(counts, numbers) for counts in drawn])


def _mean(counts: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Means of the defined ones of (n,) numbers, drawn so often: (R, n) -> (R,)."""
    defined = np.isfinite(numbers)
    total = counts @ np.where(defined, numbers, 0)
    weight = counts @ defined.astype(np.float64)
    return np.where(weight > 0, total / np.maximum(weight, 1), np.nan)
