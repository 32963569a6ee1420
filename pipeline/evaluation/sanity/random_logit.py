"""Random logit: does a map change when another class is explained?

Sixt et al., "When Explanations Lie: Why Many Modified BP Attributions Fail", ICML 2020: a map that
is the same for any class explains no class. The map of the image's label is compared with that of
one other class, drawn at random for each image, by the measures of the cascade
(`pipeline.evaluation.sanity.sanity`).
"""

import numpy as np
from pydantic import Field

from pipeline.evaluation.explaining import label_maps
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.sanity.map_similarity import METRICS, similarities
from pipeline.evaluation.subject import Result, Subject
from pipeline.runtime.errors import UserError
from pipeline.runtime.seeds import image_seed
from pipeline.settings.base import Seed
from pipeline.settings.evaluation import CostlyEvaluation

BATCH = 16  # images explained at once


class RandomLogit(CostlyEvaluation):
    """Random logit: the label's map against that of a random other class (Sixt et al., 2020)."""

    seed: Seed = Field(0, description="seed of the other classes")


def other_class(label: int, classes: int, seed: int) -> int:
    """A class other than ``label``, each of them as likely."""
    drawn = int(np.random.default_rng(seed).integers(classes - 1))
    return drawn + (drawn >= label)


def measure(subject: Subject, section: RandomLogit) -> Result:
    """Compare the map of each image's label with that of a random other class.

    Values: ``spearman``, ``abs_spearman`` (both in [-1, 1], not defined where a map is constant)
    and ``ssim`` (in [-1, 1]), means over images; low is good. A map that knows no class has 1.

    Raises:
        UserError: the model knows one class alone.
    """
    classes = subject.model.num_classes
    if classes < 2:
        raise UserError("evaluation.random_logit needs a model of two classes at least: drop it.")
    table = ImageTable(METRICS)
    for chunk in subject.chunks(BATCH):
        labels = chunk.labels.tolist()
        others = [
            other_class(label, classes, image_seed(section.seed, image_id))
            for label, image_id in zip(labels, chunk.image_ids, strict=True)
        ]
        own, changed = (
            label_maps(subject, chunk.images, each, chunk.image_ids).cpu()
            for each in (labels, others)
        )
        found = similarities(own, changed)  # (3, B)
        for image_id, numbers in zip(chunk.image_ids, found.T, strict=True):
            table.update(image_id, dict(zip(METRICS, numbers, strict=True)))
    return summarise(table, section.bootstrap, compared=METRICS, details={"classes": classes})
