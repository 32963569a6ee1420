"""The maps of a plan and their probabilities, batch by batch."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch

from pipeline.artefacts.supersets import Supersets
from pipeline.artefacts.targets import target_classes
from pipeline.attribution.plan import Plan
from pipeline.attribution.probabilities import probabilities
from pipeline.attribution.query import Query
from pipeline.images.loading import Batch
from pipeline.models.study_models import Model
from pipeline.settings import Attribution


class Maps(NamedTuple):
    """Some rows of a plan: maps (K, h, w) by method and probabilities (K,), on the CPU."""

    maps: dict[str, torch.Tensor]
    probabilities: torch.Tensor


def compute(
    model: Model,
    methods: Sequence[str],
    targets: str,
    plan: Plan,
    batches: Iterable[Batch],
    supersets: Supersets,
    options: Attribution,
    device: torch.device,
) -> Iterator[Maps]:
    """Compute the maps of a plan, in its order; what methods share is computed once.

    Args:
        model: in evaluation mode; ``model(images)`` gives maps (B, C, h, w), ``model.log_probs``
            class log probabilities (B, C).
        methods: names of the catalogue; none for the probabilities alone.
        targets: what the maps explain, one of :data:`pipeline.artefacts.targets.KINDS`.
        plan: which maps.
        batches: images in the order of the plan; those that need no map are skipped.
        supersets: label -> labels of its superset.
        options: of the methods.
        device: where the model is.

    Yields:
        The maps of one batch.
    """
    for batch in batches:
        needed = [row for row, image in enumerate(batch.image_ids) if image in plan.targets]
        if not needed:
            continue
        requests = [
            (position, target_classes(target, supersets))
            for position, row in enumerate(needed)
            for target in plan.targets[batch.image_ids[row]]
        ]
        inputs = batch.images if len(needed) == len(batch.images) else batch.images[needed]
        query = Query(
            model,
            inputs.to(device, memory_format=torch.channels_last),
            torch.tensor([position for position, _ in requests], device=device),  # (K,)
            [of_target for _, of_target in requests],
            [batch.image_ids[row] for row in needed],
            options,
        )
        yield Maps(
            {name: query.maps(name).cpu() for name in methods},
            probabilities(query, targets).cpu(),
        )
