"""Gaze: do maps show where people look?

Each person's fixations of an image are measured by themselves, and the image's numbers are means
over people, so that one person's fixations as told by all others' are the ceiling. Everything is
measured over the image and, with the box's own prior, within the object's box: where fixations lie
on the object, any map of the object tells them over the whole image. Measures:
`pipeline.evaluation.gaze.measures`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.evaluation.gaze.measures import MEASURES, ScoreMap
from pipeline.evaluation.gaze.truth import Region, Viewing, regions, viewings
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.subject import Result, Subject
from pipeline.images.enlarging import upsampled
from pipeline.runtime.errors import UserError
from pipeline.settings.base import Positive
from pipeline.settings.evaluation import MapEvaluation

BATCH = 64  # maps resized at once
REGIONS = ("box", "image")

# name of a region, the region, the other viewers -> the map there, or None where there is none
MapOf = Callable[[str, Region, Sequence[Viewing]], ScoreMap | None]


class Gaze(MapEvaluation):
    """Maps against people's fixations (`gaze` of the data set)."""

    sigma: Positive = Field(
        0.05,
        description="standard deviation of the Gaussian that turns fixations into a density, "
        "relative to the side of the stored image",
    )
    weights: Literal["count", "duration"] = Field(
        "count", description="what a fixation counts: each the same, or as long as it lasted"
    )


class GazeTable:
    """The measures of images, as an accumulator.

    Args:
        fixations: of all images.
        size: side of a stored image, pixels.
        resize: ``images.resize`` of the shards.
        section: of the evaluation.
    """

    def __init__(self, fixations: pd.DataFrame, size: int, resize: str, section: Gaze) -> None:
        self._of_image = dict(iter(fixations.groupby("image_id")))
        self._size, self._resize, self._section = size, resize, section
        self._table = ImageTable([f"{region}.{name}" for region in REGIONS for name in MEASURES])
        self._without = 0
        self._viewers: list[int] = []

    def update(self, record: Any, map_of: MapOf) -> None:
        """Measure the map of an image (a row of the records), if anybody looked at it."""
        numbers = {name: np.nan for name in self._table.names}
        of_image = self._viewings(record)
        for name, region in regions(record, self._size, self._resize).items():
            of_viewers = self._of_viewers(name, region, of_image, map_of)
            for measure in MEASURES:
                defined = [each[measure] for each in of_viewers if not np.isnan(each[measure])]
                if defined:
                    numbers[f"{name}.{measure}"] = float(np.mean(defined))
        if all(np.isnan(number) for number in numbers.values()):
            self._without += 1
            return
        self._table.update(record.image_id, numbers)
        self._viewers.append(len(of_image))

    def _viewings(self, record: Any) -> Sequence[Viewing]:
        fixations = self._of_image.get(record.image_id)
        if fixations is None:
            return []
        return viewings(fixations, record, self._size, self._resize, self._section.weights)

    def _of_viewers(
        self, name: str, region: Region, of_image: Sequence[Viewing], map_of: MapOf
    ) -> list[dict[str, float]]:
        found = []
        for number, viewing in enumerate(of_image):
            fixated = viewing.within(region, self._section.sigma * self._size)
            score_map = map_of(name, region, [*of_image[:number], *of_image[number + 1 :]])
            if fixated is not None and score_map is not None:
                found.append(score_map.measured(fixated, region.prior))
        return found

    def compute(self) -> Result:
        """Values are means over images; :func:`measure` says which.

        Raises:
            UserError: no image has a fixation.
        """
        if not self._viewers:
            raise UserError(
                "evaluation.gaze: nobody looked at any of the measured images, or by the ceiling's "
                "measure only one person: drop the evaluation, or give more fixations."
            )
        return summarise(
            self._table,
            self._section.bootstrap,
            compared=self._table.names,
            details={
                "images_without_fixations": self._without,
                "viewers_per_image": float(np.mean(self._viewers)),
                "sigma_pixels": self._section.sigma * self._size,
            },
        )


def measure(subject: Subject, section: Gaze) -> Result:
    """Measure the map of every image that somebody looked at.

    Values, means over images: ``box.MEASURE`` and ``image.MEASURE`` for MEASURE of
    `pipeline.evaluation.gaze.measures`: ``nss`` (standard deviations), ``auc`` ([0, 1]),
    ``correlation`` ([-1, 1]), ``similarity`` ([0, 1]), ``kl`` (nats) and ``information_gain`` (bits
    per fixation, over a Gaussian around the middle of the region). Images without a box have none
    of the first.

    Raises:
        UserError: there are no maps or no fixations.
    """
    if subject.fixations is None:
        raise UserError("--fixations: maps are compared with where people looked. Give the file.")
    table = GazeTable(subject.fixations, subject.size, subject.resize, section)
    records = {record.image_id: record for record in subject.records.itertuples()}
    for chunk in subject.chunks(BATCH):
        if chunk.maps is None:
            raise UserError("--maps: gaze is compared with maps. Give a file of maps.")
        score_maps = upsampled(chunk.maps.numpy(), subject.size)  # (B, S, S)
        for image_id, score_map in zip(chunk.image_ids, score_maps, strict=True):
            table.update(records[image_id], of_map(score_map))
    return table.compute()


def of_map(score_map: np.ndarray) -> MapOf:
    """A map (S, S), the same for all viewers."""
    prepared: dict[str, ScoreMap] = {}

    def map_of(name: str, region: Region, others: Sequence[Viewing]) -> ScoreMap:
        if name not in prepared:
            prepared[name] = ScoreMap(score_map[region.inside])
        return prepared[name]

    return map_of
