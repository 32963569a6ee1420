"""The measures of images' maps against the fixations of each person, as an accumulator."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.evaluation.gaze.measures import MEASURES, ScoreMap
from pipeline.evaluation.gaze.truth import Region, Viewing, regions, viewings
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.result import Result
from pipeline.runtime.errors import UserError
from pipeline.settings import Bootstrap

REGIONS = ("box", "image")

# name of a region, the region, the other viewers -> the map there, or None where there is none
MapOf = Callable[[str, Region, Sequence[Viewing]], ScoreMap | None]


class GazeTable:
    """The measures of images, as an accumulator.

    Args:
        fixations: of all images.
        size: side of a stored image, pixels.
        resize: ``images.resize`` of the shards.
        sigma: of the density of fixations, relative to the side.
        weights: what a fixation counts, ``"count"`` or ``"duration"``.
    """

    def __init__(
        self, fixations: pd.DataFrame, size: int, resize: str, *, sigma: float, weights: str
    ) -> None:
        self._of_image = dict(iter(fixations.groupby("image_id")))
        self._size, self._resize = size, resize
        self._sigma, self._weights = sigma * size, weights
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
        return viewings(fixations, record, self._size, self._resize, self._weights)

    def _of_viewers(
        self, name: str, region: Region, of_image: Sequence[Viewing], map_of: MapOf
    ) -> list[dict[str, float]]:
        found = []
        for number, viewing in enumerate(of_image):
            fixated = viewing.within(region, self._sigma)
            score_map = map_of(name, region, [*of_image[:number], *of_image[number + 1 :]])
            if fixated is not None and score_map is not None:
                found.append(score_map.measured(fixated, region.prior))
        return found

    def compute(self, bootstrap: Bootstrap) -> Result:
        """Values ``REGION.MEASURE`` are means over images, with intervals over images.

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
            bootstrap,
            compared=self._table.names,
            details={
                "images_without_fixations": self._without,
                "viewers_per_image": float(np.mean(self._viewers)),
                "sigma_pixels": self._sigma,
            },
        )


def of_map(score_map: np.ndarray) -> MapOf:
    """A map (S, S), the same for all viewers."""
    prepared: dict[str, ScoreMap] = {}

    def map_of(name: str, region: Region, others: Sequence[Viewing]) -> ScoreMap:
        if name not in prepared:
            prepared[name] = ScoreMap(score_map[region.inside])
        return prepared[name]

    return map_of
