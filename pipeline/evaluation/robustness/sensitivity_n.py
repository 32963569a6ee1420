"""Sensitivity-n: does the sum of a map over some pixels tell how far the score falls without them?

Ancona et al., "Towards better understanding of gradient-based attribution methods for Deep Neural
Networks", ICLR 2018: Pearson's correlation, over random subsets of n features, between the sum of
their attributions and the fall of the explained function when they are removed. Features here are
square cells of the image, n is a share of them, and an eraser of remove-and-classify removes them.
The function is the one that the map explains, as for infidelity.
"""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from pipeline.evaluation.correlation import correlation
from pipeline.evaluation.erasing.erasers import ERASERS
from pipeline.evaluation.erasing.erasing import percent
from pipeline.evaluation.explaining import function_of, label_maps, pixel_maps
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.subject import Result, Subject
from pipeline.runtime.seeds import image_seed
from pipeline.settings.base import Seed
from pipeline.settings.evaluation import AscendingFractions, CostlyEvaluation, Eraser

BATCH = 16  # images per forward pass


class SensitivityN(CostlyEvaluation):
    """Sensitivity-n (Ancona et al., ICLR 2018)."""

    fractions: AscendingFractions = Field(
        (0.1, 0.3, 0.5, 0.7, 0.9), description="n: fractions of the cells that are removed"
    )
    cells: Annotated[int, Field(ge=2)] = Field(14, description="cells along a side of the image")
    subsets: Annotated[int, Field(ge=3)] = Field(
        50, description="random subsets of each size, for each image"
    )
    eraser: Eraser = Field(
        "blur", description="what replaces removed cells, as in `evaluation.erase.erasers`"
    )
    seed: Seed = Field(0, description="seed of the subsets and of noise")


def cells_of(size: int, cells: int) -> np.ndarray:
    """The cell of every pixel: (size, size) in [0, cells^2), row by row, as equal as can be."""
    along = np.arange(size) * cells // size
    return along[:, None] * cells + along


def random_subsets(
    rng: np.random.Generator, number: int, cells: int, fraction: float
) -> np.ndarray:
    """Subsets of a fraction of the cells, at least one and not all: bool (number, cells)."""
    count = min(max(round(fraction * cells), 1), cells - 1)
    return rng.random((number, cells)).argsort(axis=1) < count


@torch.inference_mode()
def correlations(
    subject: Subject,
    image: Tensor,
    image_id: str,
    label: int,
    pixel_map: np.ndarray,
    section: SensitivityN,
) -> list[float]:
    """The correlation at each fraction.

    Args:
        subject: the model and the method, which say what is explained.
        image: (3, S, S) normalised, on the model's device.
        image_id: decides the subsets.
        label: class that is explained.
        pixel_map: (S, S).
        section: its options.
    """
    seed = image_seed(section.seed, image_id)
    rng, function = np.random.default_rng(seed), function_of(subject)
    erase, number = ERASERS[section.eraser](image, seed), section.cells**2
    cell = cells_of(image.shape[-1], section.cells)
    attributions = np.bincount(cell.ravel(), weights=pixel_map.ravel(), minlength=number)
    whole = function(image[None])[0, label].item()
    found = []
    for fraction in section.fractions:
        subsets = random_subsets(rng, section.subsets, number, fraction)  # (M, cells)
        falls = []
        for some in np.split(subsets, range(BATCH, len(subsets), BATCH)):
            removed = erase(torch.from_numpy(some[:, cell]))  # (m, 3, S, S)
            falls.append(whole - function(removed)[:, label].cpu().numpy())
        found.append(correlation(subsets @ attributions, np.concatenate(falls)))
    return found


def measure(subject: Subject, section: SensitivityN) -> Result:
    """Values: ``correlation.K`` at n = K percent of the cells, in [-1, 1], means over images.

    ``correlation`` is each image's mean over the n at which it is defined. A random map has 0 on
    average; of a constant one it is not defined, if all cells have equally many pixels.
    """
    names = [f"correlation.{percent(fraction)}" for fraction in section.fractions]
    table = ImageTable(("correlation", *names))
    for chunk in subject.chunks(BATCH):
        labels = chunk.labels.tolist()
        maps = label_maps(subject, chunk.images, labels, chunk.image_ids)
        of_chunk = zip(
            chunk.images,
            chunk.image_ids,
            labels,
            pixel_maps(maps, subject.size).numpy(),
            strict=True,
        )
        for image, image_id, label, pixel_map in of_chunk:
            found = correlations(subject, image, image_id, label, pixel_map, section)
            defined = [each for each in found if not np.isnan(each)]
            mean = float(np.mean(defined)) if defined else np.nan
            table.update(image_id, {"correlation": mean, **dict(zip(names, found, strict=True))})
    return summarise(table, section.bootstrap, compared=("correlation",), details={})
