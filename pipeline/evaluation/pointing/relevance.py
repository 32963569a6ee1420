"""Relevance mass and rank accuracy: how much of a map, and of its top pixels, is on the object.

Arras et al., "CLEVR-XAI: A benchmark dataset for the ground truth evaluation of neural network
explanations", Information Fusion 2022. Mass: the share of the map's positive part that lies on the
object, which is also the energy of the pointing game. Rank: of the K highest pixels, K being the
number of the object's, the share that lies on it.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from pipeline.evaluation.erasing.relevance import relevance_ranks
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.pointing.object_pixels import ObjectPixels, object_pixels
from pipeline.evaluation.pointing.pointing_game import energy
from pipeline.evaluation.subject import Result, Subject
from pipeline.images.enlarging import upsampled
from pipeline.runtime.errors import UserError
from pipeline.runtime.seeds import image_seed
from pipeline.settings.evaluation import MapEvaluation

BATCH = 64  # maps resized at once


class Relevance(MapEvaluation):
    """Relevance mass and rank accuracy (Arras et al., 2022)."""

    region: Literal["box", "mask"] = Field(
        "box",
        description="what counts as the object: the inside of its boxes, or its masks or "
        "segmentation",
    )


def rank_accuracy(score_map: np.ndarray, where: ObjectPixels, seed: int) -> float:
    """The share of the K highest pixels that lie on the object, which has K.

    Args:
        score_map: (S, S), finite.
        where: the object, of at least one pixel, and the pixels that count.
        seed: of the order of equal pixels, so that a constant map points at random.

    Returns:
        In [0, 1]; of a random or constant map the object's share of the pixels on average.
    """
    ranks = relevance_ranks(score_map, seed)[where.counted]
    inside = where.inside[where.counted]
    top = np.argpartition(ranks, inside.sum() - 1)[: inside.sum()]
    return float(inside[top].mean())


def measure(subject: Subject, section: Relevance) -> Result:
    """Both shares for every image that has an object.

    Values: ``mass`` and ``rank``, means over images, in [0, 1]. Details: the images without an
    object; the maps without a positive value, whose mass is 0; and ``share_of_constant``, the mean
    share of pixels on the object, which is what constant and random maps get in both.

    Raises:
        UserError: no image has an object, or there are no maps.
    """
    table = ImageTable(("mass", "rank"))
    records = {record.image_id: record for record in subject.records.itertuples()}
    skipped = nothing_positive = 0
    areas = []
    for chunk in subject.chunks(BATCH):
        if chunk.maps is None:
            raise UserError("--maps: relevance is measured of maps. Give a file of maps.")
        score_maps = upsampled(chunk.maps.numpy(), subject.size)  # (B, S, S)
        for image_id, score_map in zip(chunk.image_ids, score_maps, strict=True):
            where = object_pixels(records[image_id], subject.size, subject.resize, section.region)
            if not where.inside.any():
                skipped += 1
                continue
            rank = rank_accuracy(score_map, where, image_seed(0, image_id))
            table.update(image_id, {"mass": energy(score_map, where), "rank": rank})
            nothing_positive += not (score_map > 0).any()
            areas.append(where.inside.sum() / where.counted.sum())
    if not areas:
        cure = "`region: mask`" if section.region == "box" else "`region: box`"
        raise UserError(
            f"evaluation.relevance: no image has a {section.region}. Choose {cure} if the data "
            "set has those, or drop the evaluation."
        )
    return summarise(
        table,
        section.bootstrap,
        compared=table.names,
        details={
            "images_without_object": skipped,
            "maps_without_positive_value": nothing_positive,
            "share_of_constant": float(np.mean(areas)),
        },
    )
