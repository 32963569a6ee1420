"""The reference of remove-and-classify: accuracy with pixels erased at random (section 5.3).

One score per model, for all of its methods; several random orders of each image are averaged.
"""

import numpy as np

from pipeline.evaluation.bootstrap import interval, replicated_means
from pipeline.evaluation.erasing.erasing import (
    BATCH,
    Classified,
    classes,
    masks_of,
    percent,
    predictions,
)
from pipeline.evaluation.erasing.relevance import random_ranks
from pipeline.evaluation.subject import Result, Subject
from pipeline.runtime.seeds import image_seed
from pipeline.settings import Erase


def measure(subject: Subject, section: Erase) -> Result:
    """Classify every image with random pixels erased.

    Values: ``accuracy.ERASER.K`` against the labels and ``kept.ERASER.K`` against the prediction on
    the intact image, at K percent. Arrays: ``correct.ERASER`` and ``kept.ERASER``, bool
    (N, draws, fractions), and the intact ``prediction`` (N,).
    """
    classified, intact = Classified(), []
    fractions, draws = section.fractions, section.random_draws
    for chunk in subject.chunks(BATCH):
        whole = classes(subject.model, chunk.images)
        intact.append(whole)
        for row, image_id in enumerate(chunk.image_ids):
            height, width = chunk.images.shape[2:]
            masks = [
                masks_of(
                    random_ranks((height, width), image_seed(section.seed, f"{image_id}:{draw}")),
                    fractions,
                    "most",
                )
                for draw in range(draws)
            ]
            found = predictions(
                subject.model, chunk.images[row], image_id, np.concatenate(masks), section
            )
            by_draw = {name: p.reshape(draws, len(fractions)) for name, p in found.items()}
            classified.update(image_id, int(chunk.labels[row]), int(whole[row]), by_draw)
    arrays = classified.compute()
    rates = {name: hits.mean(axis=1) for name, hits in arrays.items()}  # (N, K)
    values, intervals = {}, {}
    for name, rate in rates.items():
        kind, eraser = name.split(".")
        replicates = replicated_means(rate, section.bootstrap)  # (R, K)
        for k, fraction in enumerate(fractions):
            key = f"{'accuracy' if kind == 'correct' else kind}.{eraser}.{percent(fraction)}"
            values[key] = float(rate[:, k].mean())
            intervals[key] = interval(replicates[:, k], section.bootstrap.level)
    return Result(
        values,
        intervals,
        {"images": len(classified.image_ids), "draws": draws},
        {"image_id": np.array(classified.image_ids), "prediction": np.concatenate(intact)} | arrays,
    )
