"""Infidelity, and max-sensitivity by Captum.

Yeh et al., "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019.

Infidelity by square removal (their section 3): a square of the image, somewhere, becomes the mean
colour of ImageNet. The map's sum over the square should tell how much the function that the map
explains then falls; infidelity is the mean squared error of that, after the one factor for each map
that fits best, so that it does not depend on the map's scale. A map is read as what each pixel
contributes, which is what maps of locations, of gradient times input and of integrated gradients
are; one channel stands for three.

The function is the score of maps that stand on one (`attribution.target`: the logit, or log p(y|x);
CALM has no logits), the logit of CAM's activations, whose mean it is, and p(y|x) of CALM's maps of
locations, whose sum it is. So ``infidelity`` is on the scale of another function for each kind of
map. ``infidelity_share`` is relative to the mean squared fall of the function, and so comparable: 0
where the map tells every fall, 1 where it tells none.

Max-sensitivity: how much the map changes, relative to its norm, for the worst of some random
changes of all pixels by at most the radius.
"""

from typing import NamedTuple

import torch
from captum.metrics import sensitivity_max
from torch import Tensor

from pipeline.evaluation.explaining import function_of, label_maps, pixel_maps
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.subject import Result, Subject
from pipeline.runtime.seeds import image_seed
from pipeline.settings import Infidelity

BATCH = 16  # images per forward pass
VALUES = ("infidelity", "infidelity_share", "max_sensitivity")


class Error(NamedTuple):
    """What a map leaves unexplained.

    Attributes:
        infidelity: mean squared error, at least 0, on the scale of the explained function squared.
        share: of the mean squared fall, in [0, 1]; NaN where the function never changes.
    """

    infidelity: float
    share: float


@torch.inference_mode()
def map_infidelity(
    subject: Subject, image: Tensor, label: int, pixel_map: Tensor, section: Infidelity, seed: int
) -> Error:
    """The infidelity of one map, by square removal.

    Args:
        subject: the model and the method, which say what is explained.
        image: (1, 3, S, S) normalised, on the model's device.
        label: class y that is explained.
        pixel_map: (1, S, S).
        section: size and number of the squares.
        seed: of their places.
    """
    function, size = function_of(subject), image.shape[-1]
    side = max(1, round(section.square * size))
    draws = torch.Generator().manual_seed(seed)
    values = pixel_map[0].double().cpu()
    whole = function(image)[0, label].item()
    attributed, falls = [], []
    for start in range(0, section.squares, BATCH):
        count = min(BATCH, section.squares - start)
        corners = torch.randint(size - side + 1, (count, 2), generator=draws)
        inside = torch.zeros(count, 1, size, size, dtype=torch.bool)
        for square, (top, left) in zip(inside, corners.tolist(), strict=True):
            square[:, top : top + side, left : left + side] = True
            attributed.append(values[top : top + side, left : left + side].sum())
        removed = image.masked_fill(inside.to(image.device), 0)  # (n, 3, S, S)
        falls.append(whole - function(removed)[:, label].cpu())
    sums, fall = torch.stack(attributed), torch.cat(falls)
    squares = (sums**2).sum()
    factor = (sums * fall).sum() / squares if squares > 0 else squares
    error = ((factor * sums - fall) ** 2).mean().item()
    change = (fall**2).mean().item()
    return Error(error, min(error / change, 1.0) if change > 0 else float("nan"))


def map_sensitivity(
    subject: Subject, image: Tensor, label: int, image_id: str, section: Infidelity, seed: int
) -> float:
    """The max-sensitivity of the method on one image.

    Args:
        subject: the model and the method.
        image: (1, 3, S, S) normalised, on the model's device.
        label: class that is explained.
        image_id: of the image; methods with random draws draw the same for all its changes.
        section: size and number of the changes.
        seed: of the changes.

    Returns:
        The largest relative change of the map in the Frobenius norm; at least 0.
    """
    draws = torch.Generator().manual_seed(seed)

    def change(images: Tensor) -> Tensor:
        noise = torch.rand(images.shape, generator=draws) * 2 - 1
        return images + section.radius * noise.to(images.device)

    def explanation(images: Tensor | tuple[Tensor]) -> tuple[Tensor]:
        images = images[0] if isinstance(images, tuple) else images
        return (label_maps(subject, images, [label] * len(images), [image_id] * len(images)),)

    found = sensitivity_max(
        explanation,
        image,
        change,
        n_perturb_samples=section.changes,
        max_examples_per_batch=min(BATCH, section.changes),
    )
    return found.item()


def measure(subject: Subject, section: Infidelity) -> Result:
    """Both measures of every image's map of its label; their means over images are the values.

    Images are measured one by one, and the draws depend on their names, so that a result does not
    depend on the other images.
    """
    table = ImageTable(VALUES)
    for chunk in subject.chunks(BATCH):
        labels = chunk.labels.tolist()
        for image, label, image_id in zip(chunk.images, labels, chunk.image_ids, strict=True):
            image, seed = image[None], image_seed(section.seed, image_id)
            pixel_map = pixel_maps(label_maps(subject, image, [label], [image_id]), subject.size)
            error = map_infidelity(subject, image, label, pixel_map, section, seed)
            changed = map_sensitivity(subject, image, label, image_id, section, seed)
            numbers = (error.infidelity, error.share, changed)
            table.update(image_id, dict(zip(VALUES, numbers, strict=True)))
    return summarise(table, section.bootstrap, compared=VALUES, details={})
