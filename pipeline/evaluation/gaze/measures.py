"""How well a map tells where people look: the measures of saliency benchmarks.

Definitions as in Bylinskii et al., "What do different evaluation metrics tell us about saliency
models?", PAMI 2019; information gain as in Kuemmerer et al., "Information-theoretic model
comparison unifies saliency metrics", PNAS 2015. All are over the P pixels of a region. Weights of
fixations sum to 1, and so do densities.
"""

from typing import NamedTuple

import numpy as np

from pipeline.evaluation.correlation import correlation
from pipeline.images.enlarging import without_rounding

MEASURES = ("nss", "auc", "correlation", "similarity", "kl", "information_gain")
UNIFORM = 0.01  # the share of a uniform density in a map's, so that no pixel has none


class Fixated(NamedTuple):
    """Where one person looked within a region.

    Attributes:
        places: (F,) indices of pixels, one for each fixation.
        weights: (F,) of the fixations.
        density: (P,), the fixations blurred.
    """

    places: np.ndarray
    weights: np.ndarray
    density: np.ndarray


class ScoreMap:
    """A map over a region, prepared to be measured against several people's fixations.

    Args:
        values: (P,) any finite numbers.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.values = without_rounding(np.asarray(values, np.float64))
        self._sorted = np.sort(self.values)
        stretched = self.values - self._sorted[0]
        self._constant = not stretched.any()
        total = stretched.sum()
        uniform = 1 / len(self.values)
        self.density = stretched / total if total > 0 else np.full(len(self.values), uniform)
        self.log_density = np.log((1 - UNIFORM) * self.density + UNIFORM * uniform)

    def nss(self, fixated: Fixated) -> float:
        """The mean of the map at the fixations, in its standard deviations above its mean.

        0 for a random and a constant map; no bounds.
        """
        if self._constant:
            return 0.0
        at_fixations = self.values[fixated.places] - self.values.mean()
        return float(fixated.weights @ at_fixations / self.values.std())

    def auc(self, fixated: Fixated) -> float:
        """The area under the ROC curve of fixations against the pixels without any, in [0, 1].

        Positives and negatives are Judd's; every value is a threshold, where the authors' code
        takes those at the fixations alone. .5 for a random and a constant map.
        """
        at_fixations = self.values[fixated.places]
        of_looked_at = np.sort(self.values[np.unique(fixated.places)])
        below, upto = (
            np.searchsorted(self._sorted, at_fixations, side)
            - np.searchsorted(of_looked_at, at_fixations, side)
            for side in ("left", "right")
        )
        others = len(self.values) - len(of_looked_at)
        if not others:
            return np.nan
        return float(fixated.weights @ (below + upto) / (2 * others))

    def correlation(self, fixated: Fixated) -> float:
        """Pearson's correlation with the density of fixations; NaN of a constant map.

        In [-1, 1]; 0 for a random map.
        """
        return correlation(self.values, fixated.density)

    def similarity(self, fixated: Fixated) -> float:
        """What the map's density and that of the fixations have in common, in [0, 1].

        The map's density is the map less its minimum, over its sum; uniform if it is constant.
        """
        return float(np.minimum(self.density, fixated.density).sum())

    def kl(self, fixated: Fixated) -> float:
        """The Kullback-Leibler divergence of the map's density from that of the fixations, nats.

        At least 0, and low is good. The map's density has a `UNIFORM` share of a uniform one.
        """
        looked_at = fixated.density > 0
        density = fixated.density[looked_at]
        return float(density @ (np.log(density) - self.log_density[looked_at]))

    def information_gain(self, fixated: Fixated, prior: np.ndarray) -> float:
        """How much more likely the fixations are under the map's density than under a prior's.

        Args:
            fixated: the fixations.
            prior: (P,) density, positive.

        Returns:
            Bits per fixation; about 0 for the prior itself, whose density as a map differs from it
            by its minimum and the `UNIFORM` share. The map's density as for :meth:`kl`.
        """
        gains = self.log_density[fixated.places] - np.log(prior[fixated.places])
        return float(fixated.weights @ gains / np.log(2))

    def measured(self, fixated: Fixated, prior: np.ndarray) -> dict[str, float]:
        """All of `MEASURES`, by name."""
        found = {name: getattr(self, name)(fixated) for name in MEASURES[:-1]}
        return found | {MEASURES[-1]: self.information_gain(fixated, prior)}
