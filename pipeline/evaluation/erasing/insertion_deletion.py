"""Insertion and deletion: p(y|x) while pixels appear or vanish in order of relevance.

Petsiuk et al., "RISE", BMVC 2018: deletion starts from the image and blanks the most relevant
pixels first (a good map loses the class early: low area); insertion starts from the blurred image
and shows them first (high area).
"""

import numpy as np
import torch
from torch import Tensor

from pipeline.evaluation.erasing.erasers import blur_baseline
from pipeline.evaluation.erasing.relevance import relevance_ranks
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.subject import Result, Subject
from pipeline.images.enlarging import upsampled
from pipeline.models.study_models import Model
from pipeline.runtime.errors import UserError
from pipeline.runtime.seeds import image_seed
from pipeline.settings import InsertionDeletion

BATCH = 32  # images per forward pass


@torch.inference_mode()
def curves(
    model: Model, image: Tensor, label: int, ranks: np.ndarray, section: InsertionDeletion
) -> tuple[np.ndarray, np.ndarray]:
    """p(y|x) along the two paths.

    Args:
        model: in evaluation mode, on the image's device.
        image: (3, S, S) normalised.
        label: y.
        ranks: (S, S), 0 for the most relevant pixel.
        section: pixels come in ``steps`` equal parts; the blur of the image that is filled.

    Returns:
        Insertion and deletion: (steps + 1,) each, the first before any pixel.
    """
    counts = torch.linspace(0, ranks.size, section.steps + 1).round()
    relevant = torch.from_numpy(ranks) < counts[:, None, None]  # (steps + 1, S, S)
    blurred = blur_baseline(image, section.blur_kernel, section.blur_sigma)
    blank = torch.zeros_like(image)
    found = []
    for shown, hidden in ((image, blurred), (blank, image)):  # insertion, deletion
        probabilities = []
        for masks in relevant.split(BATCH):
            mixed = torch.where(masks[:, None].to(image.device), shown, hidden)
            mixed = mixed.contiguous(memory_format=torch.channels_last)
            probabilities.append(model.log_probs(mixed)[:, label].exp())
        found.append(torch.cat(probabilities).double().cpu().numpy())
    return found[0], found[1]


def measure(subject: Subject, section: InsertionDeletion) -> Result:
    """Both areas for every image: values ``insertion`` and ``deletion``, means over images.

    The area is by trapezoids over the fraction of pixels, in [0, 1]. Arrays have the curves of
    every image, ``curve.insertion`` and ``curve.deletion`` (N, steps + 1); details the mean ones.

    Raises:
        UserError: there are no maps.
    """
    table = ImageTable(("insertion", "deletion"))
    found = []
    fractions = np.linspace(0, 1, section.steps + 1)
    for chunk in subject.chunks(BATCH):
        if chunk.maps is None:
            raise UserError("--maps: insertion and deletion follow maps. Give a file of maps.")
        score_maps = upsampled(chunk.maps.numpy(), subject.size)  # (B, S, S)
        for row, (image_id, score_map) in enumerate(zip(chunk.image_ids, score_maps, strict=True)):
            ranks = relevance_ranks(score_map, image_seed(0, image_id))
            label = int(chunk.labels[row])
            both = curves(subject.model, chunk.images[row], label, ranks, section)
            found.append(both)
            areas = [float(np.trapezoid(curve, fractions)) for curve in both]
            table.update(image_id, dict(zip(table.names, areas, strict=True)))
    by_name = dict(zip(table.names, np.stack(found, axis=1), strict=True))  # (N, steps + 1) each
    result = summarise(
        table,
        section.bootstrap,
        compared=table.names,
        details={"curves": {name: curve.mean(axis=0).tolist() for name, curve in by_name.items()}},
    )
    arrays = {f"curve.{name}": curve for name, curve in by_name.items()}
    return result._replace(arrays=result.arrays | arrays)
