"""Sparseness and complexity: on how few pixels a map stands.

Sparseness is the Gini index of the sizes of a map's values (Chalasani et al., "Concise Explanations
of Neural Networks using Adversarial Training", ICML 2020), complexity the entropy of their shares
of the sum (Bhatt et al., "Evaluating and Aggregating Feature-based Model Explanations", IJCAI
2020). Both are of the map on the image's pixels, so that maps of different resolution can be
compared. They look at no model and at no object: a map of one arbitrary pixel is the best.
"""

import numpy as np

from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.map_subject import MapSubject, Result
from pipeline.settings import MapEvaluation

VALUES = ("sparseness", "complexity", "complexity_share")


def gini(score_map: np.ndarray) -> float:
    """The Gini index of the sizes of the values: 0 if all are equal, (n - 1) / n if one is not 0.

    Args:
        score_map: n finite values, of any shape.

    Returns:
        In [0, 1); NaN where all values are 0. Independent uniform draws of [0, 1) have 1/3 on
        average.
    """
    sizes = np.sort(np.abs(score_map), axis=None)
    n, total = sizes.size, sizes.sum()
    if total == 0:
        return np.nan
    places = 2 * np.arange(1, n + 1) - n - 1
    return float(max((places * sizes).sum() / (n * total), 0.0))  # no -1e-17


def entropy(score_map: np.ndarray) -> float:
    """The entropy of the sizes' shares of their sum: 0 if one is not 0, log n if all are equal.

    Args:
        score_map: n finite values, of any shape.

    Returns:
        Nats; NaN where all values are 0. Independent uniform draws of [0, 1) have about
        log n - 0.193.
    """
    sizes = np.abs(score_map[score_map != 0])
    if not sizes.size:
        return np.nan
    shares = sizes / sizes.sum()
    shares = shares[shares > 0]  # the sum may be too large for the smallest
    return float(max(-(shares * np.log(shares)).sum(), 0.0))


def measure(subject: MapSubject, section: MapEvaluation) -> Result:
    """Values: means over the images whose map has a value that is not 0.

    ``sparseness``, the Gini index; ``complexity``, the entropy in nats; ``complexity_share``, the
    entropy over log n, its largest value.

    Raises:
        UserError: there are no maps.
    """
    table = ImageTable(VALUES)
    largest = np.log(subject.size**2)
    for record, score_map in subject.score_maps("complexity"):
        spread = entropy(score_map)
        numbers = (gini(score_map), spread, spread / largest)
        table.update(record.image_id, dict(zip(VALUES, numbers, strict=True)))
    return summarise(table, section.bootstrap, compared=VALUES, details={})
