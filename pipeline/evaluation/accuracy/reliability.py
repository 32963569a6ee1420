"""How far confidence is from accuracy: bins, calibration errors and their replicates.

Confidence is p(y|x) of the predicted class, a hit 1 where that class is right. The expected
calibration error (ECE; Guo et al., "On Calibration of Modern Neural Networks", ICML 2017) is the
sum over bins of confidence of |sum of hits - sum of confidences| / N.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import ndtr

from pipeline.evaluation.bootstrap import replicated_means
from pipeline.settings import Bootstrap

Strategy = Literal["uniform", "quantile"]  # bins of equal width, or of equally many images


class Binned(NamedTuple):
    """N predictions in B bins of confidence.

    Attributes:
        gaps: (N, B) float64, hit minus confidence in the column of the image's bin, else 0.
        counts: (B,) int64, images in each bin.
    """

    gaps: np.ndarray
    counts: np.ndarray

    def error(self) -> float:
        """The expected calibration error, in [0, 1]."""
        return float(np.abs(self.gaps.mean(axis=0)).sum())

    def largest(self) -> float:
        """The maximum calibration error: the largest |accuracy - confidence| of a bin, [0, 1]."""
        filled = self.counts > 0
        return float((np.abs(self.gaps.sum(axis=0))[filled] / self.counts[filled]).max())


def binned(hits: np.ndarray, confidence: np.ndarray, bins: int, strategy: Strategy) -> Binned:
    """Sort predictions into bins; one on an edge belongs to the lower bin, as in scikit-learn.

    Args:
        hits: (N,) bool.
        confidence: (N,) in [0, 1].
        bins: B.
        strategy: uniform, edges 0, 1/B, ..., 1; or quantile, edges at the quantiles of
            ``confidence``, so that some bins are empty where many images are equally confident.
    """
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    if strategy == "quantile":
        inner = np.quantile(confidence, inner)
    place = np.searchsorted(inner, confidence)  # (N,)
    gaps = np.zeros((len(hits), bins))
    gaps[np.arange(len(hits)), place] = hits.astype(np.float64) - confidence
    return Binned(gaps, np.bincount(place, minlength=bins))


# standard errors; a choice, whose effect the simulations in docs/protocols.md show
_FAR = 2.5


def error_replicates(found: Binned, bootstrap: Bootstrap) -> tuple[np.ndarray, float]:
    """Replicates of an ECE that allow for its bias, and the ECE of a model without any error.

    An ECE is too high: chance opens a gap in every bin, and all gaps count as positive. By how much
    depends on the true gaps, which are not known; resampling cannot tell, it adds chance a second
    time. A gap that is g, of standard error s, makes the ECE too high by at most what the smallest
    true gap that is consistent with it does, which lies `_FAR` standard errors below. So half of
    the replicates are lowered by the sum of that over the bins, the others by nothing, and all of
    them lie as far apart as those of plain resampling. The interval holds the ECE itself. It is
    mostly too long, and a little short for a calibrated model on few images (docs/protocols.md).
    The same replicates are lowered in each model, since the trainings of one share their bias.
    Two models cannot be compared by their replicates: that interval was too short where only one
    of the models is calibrated.

    Returns:
        (R,) replicates, which may be negative, so that means over seeds are not biased by a bound,
        and that an interval clips; and the ECE by chance, which a model without any error would
        have on average.
    """
    gaps = np.abs(found.gaps.mean(axis=0))  # (B,)
    drawn = replicated_means(found.gaps, bootstrap)  # (R, B)
    spread = drawn.std(axis=0)
    least = np.clip(gaps - _FAR * spread, 0, None) / np.where(spread > 0, spread, 1)
    errors = np.abs(drawn).sum(axis=1)
    errors += found.error() - errors.mean()
    errors[1::2] -= (spread * _gain(least)).sum()  # resamples come in no order
    return errors, float(spread.sum() * _gain(np.zeros(1))[0])


def _gain(means: np.ndarray) -> np.ndarray:
    """E|Z| - mean of normal Z with these means, not negative, and variance 1."""
    density = np.exp(-(means**2) / 2) / np.sqrt(2 * np.pi)
    return 2 * density - 2 * means * ndtr(-means)


def curve(
    hits: np.ndarray, confidence: np.ndarray, bins: int, level: float
) -> list[dict[str, Any]]:
    """The reliability curve: filled bins of equal width, as of `sklearn.calibration`.

    Returns:
        Of each bin its mean ``confidence``, its ``accuracy`` with Wilson's interval for a rate,
        ``low`` and ``high``, and its number of ``images``.
    """
    from scipy.stats import binomtest  # both are slow to import
    from sklearn.calibration import calibration_curve

    accuracy, mean = calibration_curve(hits, confidence, n_bins=bins, strategy="uniform")
    counts = binned(hits, confidence, bins, "uniform").counts
    found = []
    for right, confident, images in zip(accuracy, mean, counts[counts > 0].tolist(), strict=True):
        rate = binomtest(round(right * images), images).proportion_ci(level, method="wilson")
        found.append(
            {
                "confidence": float(confident),
                "accuracy": float(right),
                "low": float(rate.low),
                "high": float(rate.high),
                "images": images,
            }
        )
    return found
