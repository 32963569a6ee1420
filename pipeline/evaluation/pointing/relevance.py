"""Relevance mass and rank accuracy: how much of a map, and of its top pixels, is on the object.

Arras et al., "CLEVR-XAI: A benchmark dataset for the ground truth evaluation of neural network
explanations", Information Fusion 2022. Mass: the share of the map's positive part that lies on the
object, which is also the energy of the pointing game. Rank: of the K highest pixels, K being the
number of the object's, the share that lies on it.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from pipeline.evaluation.erasing.relevance import rank_accuracy
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.map_subject import MapSubject, Result
from pipeline.evaluation.pointing.on_objects import OnObjects
from pipeline.evaluation.pointing.pointing_game import energy
from pipeline.images.enlarging import without_rounding
from pipeline.runtime.seeds import image_seed
from pipeline.settings.evaluation import MapEvaluation


class Relevance(MapEvaluation):
    """Relevance mass and rank accuracy (Arras et al., 2022)."""

    region: Literal["box", "mask"] = Field(
        "box",
        description="what counts as the object: the inside of its boxes, or its masks or "
        "segmentation",
    )


def measure(subject: MapSubject, section: Relevance) -> Result:
    """Both shares for every image that has an object.

    Values: ``mass`` and ``rank``, means over images, in [0, 1]. Details: the images without an
    object; the maps without a positive value, whose mass is 0; and ``share_of_constant``, the mean
    share of pixels on the object, which is what constant and random maps get in both.

    Raises:
        UserError: no image has an object, or there are no maps.
    """
    table = ImageTable(("mass", "rank"))
    images = OnObjects(subject, "relevance", section.region)
    for image_id, score_map, where in images:
        values, inside = without_rounding(score_map)[where.counted], where.inside[where.counted]
        rank = rank_accuracy(values, inside, image_seed(0, image_id))
        table.update(image_id, {"mass": energy(score_map, where), "rank": rank})
    return summarise(
        table,
        section.bootstrap,
        compared=table.names,
        details=images.details() | {"share_of_constant": float(np.mean(images.areas))},
    )
