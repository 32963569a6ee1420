"""What a trunk of a library is, in words, before anything is trained with it."""

from collections.abc import Collection, Mapping
from functools import partial

import torch
from torch import nn

from pipeline.models.heads import head_of
from pipeline.models.strides import built_without_values
from pipeline.models.trunks import build_trunk, trunk_named
from pipeline.runtime.errors import UserError
from pipeline.settings import Architecture, TrainJob


def described(
    architecture: Architecture, jobs: Mapping[str, TrainJob], stored: Collection[int] = ()
) -> str:
    """Build the trunk of an architecture without values, and say what it is.

    Args:
        architecture: with any trunk.
        jobs: data set and variant -> the training of a model on it.
        stored: sides of the val and test images, pixels.

    Raises:
        UserError: the library has no such network, it has no map or none of that size, images of
            some size do not go through it, or a training method cannot stand on it.
    """
    sides = sorted({job.training.crop for job in jobs.values()}) or [224]
    texts = []
    for side in sides:
        trunk = trunk_named(architecture.trunk, side)
        build = partial(build_trunk, trunk, architecture.cells, dilation=architecture.dilation)
        network = built_without_values(build)
        for pixels in sorted({side, *stored}):
            cells = _cells(network, pixels, side)
            texts.append(f"{cells}x{cells} cells for {pixels} pixels")
    problems = []
    for variant, job in jobs.items():
        try:
            head = head_of(job.training)
            head.places_on(job.trunk, head.trunk_of(job.trunk, job.training.crop))
        except UserError as error:
            problems.append(f"{variant}: {error}")
    if problems:
        raise UserError("; ".join(problems))
    return (
        f"{architecture.trunk}, {', '.join(dict.fromkeys(texts))}, {trunk.channels} channels, "
        f"{len(trunk.stages)} stages."
    )


def _cells(network: nn.Module, pixels: int, side: int) -> int:
    """The side of the map of images of ``pixels``, in cells; ``side`` is that of training crops."""
    try:
        with torch.no_grad():
            images = torch.empty(1, 3, pixels, pixels, device="meta")
            return network(images)["features"].shape[-1]
    except Exception as error:  # each family has its own way to refuse a size
        raise UserError(
            f"images of {pixels} pixels do not go through the network as it is built for "
            f"`training.crop: {side}` ({error}). Give crops and stored images (`images.eval_size`) "
            "one size that it can take."
        ) from error
