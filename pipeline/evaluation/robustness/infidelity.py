"""Infidelity and max-sensitivity, by Captum.

Yeh et al., "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019.

Infidelity by square removal: a square of the image, somewhere, becomes the mean colour of
ImageNet. The map's sum over the square should tell how much p(y|x) then falls; infidelity is the
mean squared error of that, after the one factor for each map that fits best, so that it does not
depend on the map's scale. A map is read as what each pixel contributes, which is what maps of
locations, of gradient times input and of integrated gradients are; one channel stands for three.

Max-sensitivity: how much the map changes, relative to its norm, for the worst of some random
changes of all pixels by at most the radius.
"""

import torch
from captum.metrics import infidelity, sensitivity_max
from torch import Tensor

from pipeline.evaluation.explaining import label_maps, pixel_maps
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.subject import Result, Subject
from pipeline.runtime.seeds import image_seed
from pipeline.settings import Infidelity

BATCH = 16  # images per forward pass


def map_infidelity(
    subject: Subject, image: Tensor, label: int, pixel_map: Tensor, section: Infidelity, seed: int
) -> float:
    """The infidelity of one map, by square removal.

    Args:
        subject: the model.
        image: (1, 3, S, S) normalised, on the model's device.
        label: class y of p(y|x).
        pixel_map: (1, S, S).
        section: size and number of the squares.
        seed: of their places.

    Returns:
        At least 0, on the scale of p(y|x) squared.
    """
    size = image.shape[-1]
    side = max(1, round(section.square * size))
    draws = torch.Generator().manual_seed(seed)

    def remove(images: Tensor) -> tuple[Tensor, Tensor]:
        corners = torch.randint(size - side + 1, (len(images), 2), generator=draws)
        inside = torch.zeros(len(images), 1, size, size, dtype=torch.bool)
        for square, (top, left) in zip(inside, corners.tolist(), strict=True):
            square[:, top : top + side, left : left + side] = True
        removed = inside.to(images.device)  # (n, 1, S, S); the best factor makes up for 3 channels
        return removed.double().expand_as(images), images.masked_fill(removed, 0)

    def probability(images: Tensor) -> Tensor:
        return subject.model.log_probs(images)[:, label].double().exp()

    found = infidelity(
        probability,
        remove,
        image,
        pixel_map[:, None].to(image.device).expand_as(image),
        n_perturb_samples=section.squares,
        max_examples_per_batch=min(BATCH, section.squares),
        normalize=True,
    )
    return max(found.item(), 0.0)  # a difference of sums, which can round to below 0


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
    table = ImageTable(("infidelity", "max_sensitivity"))
    for chunk in subject.chunks(BATCH):
        labels = chunk.labels.tolist()
        for image, label, image_id in zip(chunk.images, labels, chunk.image_ids, strict=True):
            image, seed = image[None], image_seed(section.seed, image_id)
            pixel_map = pixel_maps(label_maps(subject, image, [label], [image_id]), subject.size)
            table.update(
                image_id,
                {
                    "infidelity": map_infidelity(subject, image, label, pixel_map, section, seed),
                    "max_sensitivity": map_sensitivity(
                        subject, image, label, image_id, section, seed
                    ),
                },
            )
    return summarise(
        table, section.bootstrap, compared=("infidelity", "max_sensitivity"), details={}
    )
