"""The maps of the images that have an object, one by one, and what was left out."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.evaluation.map_subject import MapSubject
from pipeline.evaluation.pointing.object_pixels import ObjectPixels, object_pixels
from pipeline.runtime.errors import UserError


class OnObjects:
    """Walks over a subject's images that have an object, and counts the others.

    Attributes:
        skipped: images without an object.
        nothing_positive: maps without a positive value.
        areas: the share of the pixels that count which lie on the object, of each image.
    """

    def __init__(self, subject: MapSubject, evaluation: str, region: str) -> None:
        """Take the images of a subject.

        Args:
            subject: has maps.
            evaluation: its name in the config, for messages.
            region: ``"box"`` or ``"mask"``, see `object_pixels`.
        """
        self.skipped = self.nothing_positive = 0
        self.areas: list[float] = []
        self._subject, self._evaluation, self._region = subject, evaluation, region

    def __iter__(self) -> Iterator[tuple[str, np.ndarray, ObjectPixels]]:
        """Each image's name, its map (S, S) float64, and where its object is.

        Raises:
            UserError: there are no maps, or no image has an object.
        """
        subject = self._subject
        for record, score_map in subject.score_maps(self._evaluation):
            where = object_pixels(record, subject.size, subject.resize, self._region)
            if not where.inside.any():
                self.skipped += 1
                continue
            self.nothing_positive += not (score_map > 0).any()
            self.areas.append(where.inside.sum() / where.counted.sum())
            yield record.image_id, score_map, where
        if not self.areas:
            other = "mask" if self._region == "box" else "box"
            raise UserError(
                f"evaluation.{self._evaluation}: no image has a {self._region}. Choose "
                f"`region: {other}` if the data set has those, or drop the evaluation."
            )

    def details(self) -> dict[str, Any]:
        """What was counted, after the walk."""
        return {
            "images_without_object": self.skipped,
            "maps_without_positive_value": self.nothing_positive,
        }
