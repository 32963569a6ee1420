"""Pointing game: does the maximum of a map lie on the object?

Zhang et al., "Top-Down Neural Attention by Excitation Backprop", IJCV 2018: a hit is a maximum
within a few pixels of the object. The energy-based pointing game (Wang et al., "Score-CAM", CVPRW
2020) is measured too: how much of the map's positive part lies on the object.
"""

import numpy as np

from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.map_subject import MapSubject, Result
from pipeline.evaluation.pointing.object_pixels import ObjectPixels
from pipeline.evaluation.pointing.on_objects import OnObjects
from pipeline.images.enlarging import ROUNDING
from pipeline.runtime.seeds import image_seed
from pipeline.settings import PointingGame


def maximum(score_map: np.ndarray, counted: np.ndarray, seed: int) -> tuple[int, int]:
    """The row and column of a map's largest value among the pixels that count.

    Resizing makes plateaus at the border, and some maps are constant: of equal pixels one is
    drawn, so that a map without information points at random, not at a corner.

    Args:
        score_map: (S, S).
        counted: bool (S, S), true somewhere.
        seed: of the draw.
    """
    candidates = np.where(counted, score_map, -np.inf)
    ties = np.flatnonzero(candidates >= candidates.max() - ROUNDING * np.abs(score_map).max())
    drawn = np.random.default_rng(seed).choice(ties)
    return divmod(int(drawn), score_map.shape[1])


def is_hit(point: tuple[int, int], inside: np.ndarray, tolerance: float) -> bool:
    """Whether a pixel of the object lies within ``tolerance`` pixels of a point.

    Args:
        point: row and column.
        inside: bool (S, S), the object.
        tolerance: largest distance between pixel centres, pixels.
    """
    rows, columns = np.nonzero(inside)
    distance = (rows - point[0]) ** 2 + (columns - point[1]) ** 2
    return bool((distance <= tolerance**2).any())


def energy(score_map: np.ndarray, where: ObjectPixels) -> float:
    """The share of a map's positive part that lies on the object; 0 if nothing is positive."""
    positive = np.clip(score_map, 0, None) * where.counted
    total = positive.sum()
    return float(positive[where.inside].sum() / total) if total > 0 else 0.0


def measure(subject: MapSubject, section: PointingGame) -> Result:
    """Point at the object of every image that has one.

    Values: ``hit_rate`` and ``energy``, means over images. Details: the images without an object;
    the maps without a positive value; and, to compare with, the hit rate of the image's middle
    and the mean share of pixels on the object, which is the energy of a constant map.

    Raises:
        UserError: no image has an object, or there are no maps.
    """
    table = ImageTable(("hit_rate", "energy"))
    tolerance = section.tolerance * subject.size
    middle = (subject.size // 2, subject.size // 2)
    of_middle = []
    images = OnObjects(subject, "pointing_game", section.region)
    for image_id, score_map, where in images:
        point = maximum(score_map, where.counted, image_seed(0, image_id))
        hit = is_hit(point, where.inside, tolerance)
        table.update(image_id, {"hit_rate": hit, "energy": energy(score_map, where)})
        of_middle.append(is_hit(middle, where.inside, tolerance))
    return summarise(
        table,
        section.bootstrap,
        compared=table.names,
        details=images.details()
        | {
            "tolerance_pixels": tolerance,
            "hit_rate_of_middle": float(np.mean(of_middle)),
            "energy_of_constant": float(np.mean(images.areas)),
        },
    )
