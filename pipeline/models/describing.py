"""What a trunk of a library is, in words, before anything is trained with it."""

from collections.abc import Mapping
from functools import partial

import torch

from pipeline.models.heads import head_of
from pipeline.models.strides import built_without_values
from pipeline.models.trunks import build_trunk, trunk_named
from pipeline.runtime.errors import UserError
from pipeline.settings import Architecture, TrainJob


def described(architecture: Architecture, jobs: Mapping[str, TrainJob]) -> str:
    """Build the trunk of an architecture without values, and say what it is.

    Args:
        architecture: with a trunk of a library.
        jobs: data set and variant -> the training of a model on it.

    Raises:
        UserError: the library has no such network, it has no map or none of that size, or a
            training method cannot stand on it.
    """
    sides = sorted({job.training.crop for job in jobs.values()}) or [224]
    texts = []
    for side in sides:
        trunk = trunk_named(architecture.trunk, side)
        build = partial(build_trunk, trunk, architecture.cells, dilation=architecture.dilation)
        images = torch.empty(1, 3, side, side, device="meta")
        cells = built_without_values(build)(images)["features"].shape[-1]
        texts.append(f"{cells}x{cells} cells for {side} pixels")
    problems = []
    for variant, job in jobs.items():
        try:
            head_of(job.training).places_on(job.trunk, trunk)
        except UserError as error:
            problems.append(f"{variant}: {error}")
    if problems:
        raise UserError("; ".join(problems))
    return (
        f"{architecture.trunk}, {', '.join(texts)}, {trunk.channels} channels, "
        f"{len(trunk.stages)} stages."
    )
