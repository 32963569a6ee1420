"""Contrastive deletion: does erasing what speaks for A rather than B move A against B?

It is what counterfactual maps and differences of class maps promise (paper, sections 3.2 and 5.2).
A is the image's label, B another class. Pixels are erased in the order of s_A - s_B, the highest
first, and log p(A|x) - log p(B|x) is followed, next to the same with pixels erased at random.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from pipeline.attribution.query import maps_of
from pipeline.evaluation.erasing.erasers import ERASERS
from pipeline.evaluation.erasing.erasing import BATCH, masks_of
from pipeline.evaluation.erasing.relevance import random_ranks, relevance_ranks
from pipeline.evaluation.explaining import label_maps, method_of, pixel_maps
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.subject import Result, Subject
from pipeline.runtime.errors import UserError
from pipeline.runtime.seeds import image_seed
from pipeline.settings.base import Count, Seed
from pipeline.settings.evaluation import AscendingFractions, CostlyEvaluation, Eraser

VALUES = ("contrast", "area", "area_random")


class ContrastiveDeletion(CostlyEvaluation):
    """Contrastive deletion: the label against another class while its pixels are erased."""

    against: Literal["confused", "pairs"] = Field(
        "confused",
        description="the other class. confused: the most likely one of the image's other classes; "
        "pairs: each class that stands in a class pair with the label, of the cues or of "
        "`class_pairs`; images without one are left out",
    )
    eraser: Eraser = Field(
        "blur", description="what replaces erased pixels, as in `evaluation.erase.erasers`"
    )
    fractions: AscendingFractions = Field(
        (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        description="fractions of the pixels that are erased, ascending",
    )
    random_draws: Count = Field(3, description="random orders that are averaged")
    seed: Seed = Field(0, description="seed of random orders, of ties and of noise")


class Curves(NamedTuple):
    """log p(A|x) - log p(B|x), nats: (K + 1,) each, the first of the intact image."""

    by_map: np.ndarray
    at_random: np.ndarray


def partners(pairs: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """Label -> the labels that it stands in a pair with, ascending."""
    found: dict[int, set[int]] = {}
    for first, second in pairs:
        found.setdefault(first, set()).add(second)
        found.setdefault(second, set()).add(first)
    return {label: sorted(others) for label, others in found.items()}


def contrast_maps(
    subject: Subject, images: Tensor, image_ids: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> np.ndarray:
    """What speaks for A rather than B: the counterfactual map, or else s_A - s_B.

    Args:
        subject: the model, the method and its options.
        images: (B, 3, S, S) normalised, on the model's device.
        image_ids: B names.
        pairs: B (A, B).

    Returns:
        (B, S, S) float64; the difference is taken at the maps' own resolution.
    """
    if method_of(subject).targets == "counterfactual":
        maps = maps_of(
            subject.model, subject.method, images, list(pairs), image_ids, subject.options
        )
    else:
        own, other = (
            label_maps(subject, images, labels, image_ids).double()
            for labels in zip(*pairs, strict=True)
        )
        maps = own - other
    return pixel_maps(maps, subject.size).numpy()


@torch.inference_mode()
def curves(
    subject: Subject,
    image: Tensor,
    image_id: str,
    pair: tuple[int, int],
    contrast_map: np.ndarray,
    section: ContrastiveDeletion,
) -> Curves:
    """Erase an image by its map and at random.

    Args:
        subject: its model.
        image: (3, S, S) normalised, on the model's device.
        image_id: decides random orders, ties and noise.
        pair: (A, B).
        contrast_map: (S, S).
        section: eraser, fractions and random draws.
    """
    seed = image_seed(section.seed, image_id)
    orders = [relevance_ranks(contrast_map, seed)]
    for draw in range(section.random_draws):
        orders.append(
            random_ranks(contrast_map.shape, image_seed(section.seed, f"{image_id}:{draw}"))
        )
    masks = np.concatenate([masks_of(ranks, section.fractions, "most") for ranks in orders])
    masks = np.concatenate([np.zeros((1, *contrast_map.shape), bool), masks])
    erase = ERASERS[section.eraser](image, seed)
    found = []
    for some in torch.from_numpy(masks).split(BATCH):
        erased = erase(some).contiguous(memory_format=torch.channels_last)
        log_probs = subject.model.log_probs(erased).double()
        found.append((log_probs[:, pair[0]] - log_probs[:, pair[1]]).cpu().numpy())
    intact, *rest = np.concatenate(found)
    by_order = np.reshape(rest, (len(orders), -1))  # (1 + draws, K)
    both = by_order[0], by_order[1:].mean(axis=0)
    return Curves(*(np.concatenate([[intact], curve]) for curve in both))


def areas(found: Curves, fractions: Sequence[float]) -> dict[str, float]:
    """The mean heights of both curves between none and the last fraction, and their difference."""
    places = np.array([0.0, *fractions])
    by_map, at_random = (float(np.trapezoid(curve, places) / places[-1]) for curve in found)
    return dict(zip(VALUES, (at_random - by_map, by_map, at_random), strict=True))


def measure(subject: Subject, section: ContrastiveDeletion) -> Result:
    """Values, in nats, means over images; of several other classes first for each image.

    ``area``: the mean of log p(A|x) - log p(B|x) while the pixels with the highest s_A - s_B are
    erased; ``area_random``: the same at random; ``contrast``: how much further it falls by the map
    than at random. High contrast is good; random and constant maps have 0 on average. Arrays have
    each image's curves, ``curve.map`` and ``curve.random`` (N, K + 1); details the mean ones.

    Raises:
        UserError: pairs are asked for, and no image's label stands in one.
    """
    of_label = partners(subject.pairs) if section.against == "pairs" else None
    table, found = ImageTable(VALUES), []
    skipped = 0
    for chunk in subject.chunks(BATCH):
        others = _others(subject, chunk.images, chunk.labels, of_label)
        for row, (image_id, of_image) in enumerate(zip(chunk.image_ids, others, strict=True)):
            if not of_image:
                skipped += 1
                continue
            pairs = [(int(chunk.labels[row]), other) for other in of_image]
            image = chunk.images[row]
            maps = contrast_maps(
                subject,
                image.expand(len(pairs), -1, -1, -1),
                [image_id] * len(pairs),
                pairs,
            )
            of_pairs = [
                curves(subject, image, image_id, pair, each, section)
                for pair, each in zip(pairs, maps, strict=True)
            ]
            mean = Curves(*(np.mean(each, axis=0) for each in zip(*of_pairs, strict=True)))
            found.append(mean)
            table.update(image_id, areas(mean, section.fractions))
    if not found:
        raise UserError(
            "evaluation.contrastive_deletion: no image's class stands in a class pair. Take "
            "`against: confused`, or name `class_pairs` of the data set."
        )
    by_map, at_random = (np.stack(each) for each in zip(*found, strict=True))
    result = summarise(
        table,
        section.bootstrap,
        compared=("contrast",),
        details={
            "images_without_pair": skipped,
            "curves": {
                "map": by_map.mean(axis=0).tolist(),
                "random": at_random.mean(axis=0).tolist(),
            },
        },
    )
    return result._replace(arrays=result.arrays | {"curve.map": by_map, "curve.random": at_random})


@torch.inference_mode()
def _others(
    subject: Subject, images: Tensor, labels: Tensor, of_label: Mapping[int, list[int]] | None
) -> list[list[int]]:
    """The other classes of each image: those of its pairs, or else the most likely one."""
    if of_label is not None:
        return [of_label.get(label, []) for label in labels.tolist()]
    log_probs = subject.model.log_probs(images).clone()
    log_probs.scatter_(1, labels[:, None], -torch.inf)
    return [[other] for other in log_probs.argmax(dim=1).tolist()]
