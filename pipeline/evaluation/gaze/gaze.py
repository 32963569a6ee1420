"""Gaze: do maps show where people look?

Each person's fixations of an image are measured separately, and the image's numbers are means over
people, so that one person's fixations as predicted by all others' are the ceiling. Everything is
measured over the image and, with the box's own prior, within the object's box: where fixations lie
on the object, any map of the object predicts them over the whole image. Measures:
`pipeline.evaluation.gaze.measures`.
"""

from typing import Literal

from pydantic import Field

from pipeline.evaluation.gaze.table import GazeTable, of_map
from pipeline.evaluation.map_subject import MapSubject, Result
from pipeline.runtime.errors import UserError
from pipeline.settings.base import Positive
from pipeline.settings.evaluation import MapEvaluation


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


def measure(subject: MapSubject, section: Gaze) -> Result:
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
    table = GazeTable(
        subject.fixations,
        subject.size,
        subject.resize,
        sigma=section.sigma,
        weights=section.weights,
    )
    for record, score_map in subject.score_maps("gaze"):
        table.update(record, of_map(score_map))
    return table.compute(section.bootstrap)
