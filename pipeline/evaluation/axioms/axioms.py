"""The axioms of attribution as numbers: completeness, implementation invariance, sensitivity.

The paper's section 3.1 states them for the function phi(x) = p(y|x) and a map s, and shows that CAM
violates them; section 4.2 shows that CALM satisfies them.

Completeness: the map's values should sum to the function that they explain, phi(x).
``completeness_gap`` is |sum s - phi(x)|. phi is p(y|x), but for maps by gradients or occlusion the
change of their score, the logit or log p(y|x), from the image of zeros to the image, which is what
integrated gradients sum to. Most maps are not on the scale of phi; ``completeness_gap_scaled`` is
the gap after multiplying all images' maps by one common factor, the one with the least squared gap,
relative to the mean of |phi|: 0 where the sums are proportional to phi, though the scale is
arbitrary.

Implementation invariance: equal functions should have equal maps. The paper adds a constant to
every class's activation before the softmax, which changes no probability. Here it is added to the
bias of the class branch: for CAM that is the paper's phi_2, for CALM it is a constant before the
softmax over classes at each location. ``invariance.raw`` is the norm of the map's change relative
to the larger of the two maps' norms (0: no change; at most 2), and ``invariance.minmax`` the same
of the maps stretched to [0, 1] each.

Sensitivity: where the prediction depends on the input the attribution should not be zero, and
elsewhere it should. ``sensitivity.locations.missed`` is the share of zero attributions among the
locations of the last layer that contribute to p(y|x), ``sensitivity.locations.spurious`` the share
of others among those that do not; ``sensitivity.blocks.*`` are the same of blocks of the image
(`pipeline.evaluation.axioms.sensitivity`).
"""

import numpy as np
import torch
from torch import Tensor

from pipeline.attribution.explained import explained, wanted_by
from pipeline.evaluation.axioms.sensitivity import BATCH, of_blocks, of_locations, probabilities
from pipeline.evaluation.explaining import copied, label_maps, method_of, pixel_maps
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.subject import Chunk, Result, Subject
from pipeline.images.scaling import minmax
from pipeline.models.given import GivenModel
from pipeline.models.study_models import Model
from pipeline.settings import Axioms

VALUES = (
    "completeness_gap",
    "invariance.raw",
    "invariance.minmax",
    "sensitivity.locations.missed",
    "sensitivity.locations.spurious",
    "sensitivity.blocks.missed",
    "sensitivity.blocks.spurious",
)
KEPT = ("map_sum", "explained", "probability")  # of each image


def shifted(model: Model, shift: float) -> Model:
    """The same function implemented differently: ``shift`` is added to all class logits."""
    other = copied(model)
    if isinstance(other, GivenModel):
        other.add_to_logits(shift)
        return other
    with torch.no_grad():
        other.head.get_parameter("classes.bias").add_(shift)
    return other


def relative_change(first: Tensor, second: Tensor) -> Tensor:
    """Norm of the difference over the larger norm: (B, h, w) twice -> (B,); 0 for equal maps."""
    first, second = first.double().flatten(1), second.double().flatten(1)
    largest = torch.maximum(first.norm(dim=1), second.norm(dim=1))
    return (first - second).norm(dim=1) / torch.where(largest > 0, largest, 1)


def scaled_gaps(sums: np.ndarray, explained: np.ndarray) -> tuple[np.ndarray, float]:
    """Completeness gaps after one factor for all images, by least squares.

    Args:
        sums, explained: (N,) of each image's map, and phi(x).

    Returns:
        (N,) gaps relative to the mean of abs(phi), and the factor (0 if all sums are 0).
    """
    squares = (sums**2).sum()
    factor = float((sums * explained).sum() / squares) if squares > 0 else 0.0
    return np.abs(factor * sums - explained) / np.abs(explained).mean(), factor


def score_changes(subject: Subject, chunk: Chunk) -> Tensor | None:
    """How the score of each image's label changes from the image of zeros to the image.

    Returns:
        (B,) float64 on the CPU; None for a method whose maps stand on no score.
    """
    target = wanted_by(method_of(subject), subject.options)
    if target is None:
        return None
    model = subject.model
    with torch.inference_mode():
        of_images, of_zeros = (
            explained(model.head, model(images), target)
            for images in (chunk.images, torch.zeros_like(chunk.images[:1]))
        )  # (B, C) and (1, C)
    return (of_images - of_zeros).gather(1, chunk.labels[:, None])[:, 0].cpu()


def chunk_sensitivity(
    subject: Subject, chunk: Chunk, maps: Tensor, section: Axioms
) -> list[tuple[float, float, float, float]]:
    """Missed and spurious shares of locations, then of blocks, for each image of a chunk."""
    with torch.inference_mode():
        outputs = subject.model(chunk.images).cpu()  # (B, C, h, w)
    on_pixels = pixel_maps(maps, subject.size)  # (B, S, S)
    return [
        (
            *of_locations(subject.model, outputs[row], label, maps[row].cpu(), section.zero),
            *of_blocks(
                subject.model,
                chunk.images[row : row + 1],
                chunk.labels[row : row + 1],
                on_pixels[row],
                section.blocks,
                section.response,
                section.zero,
            ),
        )
        for row, label in enumerate(chunk.labels.tolist())
    ]


def measure(subject: Subject, section: Axioms) -> Result:
    """Measure the axioms on the map of each image's label.

    Values: see the module. Details: the common factor of ``completeness_gap_scaled``, which
    intervals hold fixed, and the largest change of a probability by the shift, which is rounding.
    """
    other = shifted(subject.model, section.shift)
    table = ImageTable((*VALUES, *KEPT))
    largest = 0.0
    for chunk in subject.chunks(BATCH):
        asked = (subject, chunk.images, chunk.labels.tolist(), chunk.image_ids)
        maps, changed = label_maps(*asked), label_maps(*asked, other)  # (B, h, w)
        probability = probabilities(subject.model, chunk.images, chunk.labels)  # (B,)
        moved = probabilities(other, chunk.images, chunk.labels) - probability
        largest = max(largest, moved.abs().max().item())
        changes = score_changes(subject, chunk)
        phi = probability if changes is None else changes
        sums = maps.double().sum(dim=(1, 2)).cpu()
        columns = (
            (sums - phi).abs().tolist(),
            relative_change(maps, changed).tolist(),
            relative_change(minmax(maps), minmax(changed)).tolist(),
            *zip(*chunk_sensitivity(subject, chunk, maps, section), strict=True),
            sums.tolist(),
            phi.tolist(),
            probability.tolist(),
        )
        for image_id, *numbers in zip(chunk.image_ids, *columns, strict=True):
            table.update(image_id, dict(zip(table.names, numbers, strict=True)))
    gaps, factor = scaled_gaps(table.column("map_sum"), table.column("explained"))
    table.add_column("completeness_gap_scaled", gaps)
    values = (*VALUES, "completeness_gap_scaled")
    return summarise(
        table,
        section.bootstrap,
        compared=values,
        values=values,
        details={"common_factor": factor, "largest_probability_change": largest},
    )
