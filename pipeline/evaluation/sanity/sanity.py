"""Sanity check: do maps change when the model's weights are replaced by random ones?

Cascading randomisation of Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018: a map
that stays as it is explains the image, not the model. How the model is randomised:
`pipeline.evaluation.sanity.randomisation`.
"""

import numpy as np

from pipeline.evaluation.explaining import label_maps
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.sanity.map_similarity import METRICS, similarities
from pipeline.evaluation.sanity.randomisation import cascade, fresh_state, units
from pipeline.evaluation.subject import Result, Subject
from pipeline.settings import Sanity

BATCH = 16  # images explained at once


def measure(subject: Subject, section: Sanity) -> Result:
    """Compare each image's map with those of increasingly randomised models, for the image's label.

    Values: ``spearman.{depth}``, ``abs_spearman.{depth}`` and ``ssim.{depth}``, means over images;
    at depth 00 only the head is random, at the last one the whole model. ``spearman``,
    ``abs_spearman`` and ``ssim`` are each image's means over the depths at which they are defined.
    A method that passes has low values. Details: the unit that each depth adds, and how many
    images have a constant map, whose rank correlation is not defined.
    """
    order = units(subject.model)
    fresh = fresh_state(subject.model, section.seed)
    depths = [f"{depth:02d}" for depth in range(len(order))]
    table = ImageTable([*METRICS, *(f"{metric}.{depth}" for metric in METRICS for depth in depths)])
    for chunk in subject.chunks(BATCH):
        asked = (subject, chunk.images, chunk.labels.tolist(), chunk.image_ids)
        original = label_maps(*asked).cpu()
        found = np.stack(
            [
                similarities(original, label_maps(*asked, randomised).cpu())
                for randomised in cascade(subject.model, fresh, order)
            ],
            axis=1,
        )  # (3, D, B)
        for position, image_id in enumerate(chunk.image_ids):
            numbers = {}
            for metric, at_depth in zip(METRICS, found[:, :, position], strict=True):
                defined = at_depth[~np.isnan(at_depth)]
                numbers[metric] = defined.mean() if len(defined) else np.nan
                for depth, similarity in zip(depths, at_depth, strict=True):
                    numbers[f"{metric}.{depth}"] = similarity
            table.update(image_id, numbers)
    return summarise(
        table,
        section.bootstrap,
        compared=METRICS,
        details={"depths": dict(zip(depths, (unit.name for unit in order), strict=True))},
    )
