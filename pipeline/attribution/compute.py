"""The maps of some plans and their probabilities, batch by batch: one forward pass per image."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import torch

from pipeline.artefacts.supersets import Supersets
from pipeline.artefacts.targets import target_classes
from pipeline.attribution.plan import Plan
from pipeline.attribution.probabilities import probabilities
from pipeline.attribution.query import Forward, Query
from pipeline.images.loading import Batch
from pipeline.models.study_models import Model
from pipeline.settings import Attribution


class Asked(NamedTuple):
    """Maps that explain targets of one kind: names of the catalogue, and which maps.

    Without a name it stands for the probabilities alone.
    """

    methods: tuple[str, ...]
    plan: Plan


class Maps(NamedTuple):
    """Some rows of a plan: maps (K, h, w) by method and probabilities (K,), on the CPU."""

    maps: dict[str, torch.Tensor]
    probabilities: torch.Tensor


def compute(
    model: Model,
    asked: Mapping[str, Asked],
    batches: Iterable[Batch],
    supersets: Supersets,
    options: Attribution,
    device: torch.device,
) -> Iterator[dict[str, Maps]]:
    """Compute the maps of plans, in their order; what methods share is computed once.

    Args:
        model: in evaluation mode; ``model(images)`` gives maps (B, C, h, w), ``model.log_probs``
            class log probabilities (B, C).
        asked: what is wanted, by kind of target (:data:`pipeline.artefacts.targets.KINDS`).
        batches: images in the order of the plans; those that need no map are skipped.
        supersets: label -> labels of its superset.
        options: of the methods.
        device: where the model is.

    Yields:
        Kind -> the maps of one batch; without the kinds that have none in it.
    """
    wanted = set().union(*(plan.targets for _, plan in asked.values()))
    for batch in batches:
        needed = [row for row, image in enumerate(batch.image_ids) if image in wanted]
        if not needed:
            continue
        inputs = batch.images if len(needed) == len(batch.images) else batch.images[needed]
        inputs = inputs.to(device, memory_format=torch.channels_last)
        image_ids = [batch.image_ids[row] for row in needed]
        forward, found = Forward(model, inputs), {}
        for kind, (methods, plan) in asked.items():
            requests = [
                (position, target_classes(target, supersets))
                for position, image in enumerate(image_ids)
                for target in plan.targets.get(image, ())
            ]
            if not requests:
                continue
            query = Query(
                model,
                inputs,
                torch.tensor([position for position, _ in requests], device=device),  # (K,)
                [of_target for _, of_target in requests],
                image_ids,
                options,
                forward,
            )
            found[kind] = Maps(
                {name: query.maps(name).cpu() for name in methods},
                probabilities(query, kind).cpu(),
            )
        yield found
