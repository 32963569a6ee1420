"""What evaluations ask of a method besides its maps: further ones, and the function explained."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pipeline.attribution.explained import explained, wanted_by
from pipeline.attribution.query import functions_of, maps_of
from pipeline.catalogue.methods import METHODS, OWN_FUNCTION, Entry
from pipeline.evaluation.subject import Subject
from pipeline.images.enlarging import upsampled
from pipeline.models.study_models import Model


def copied(model: Model) -> Model:
    """A copy of a model to be changed, in evaluation mode.

    A mere ``deepcopy`` of a trunk, which torchvision makes of two graphs, is in training mode.
    """
    return copy.deepcopy(model).eval()


def method_of(subject: Subject) -> Entry:
    """The catalogue's entry of a subject's method, which may be a function of the user's own."""
    own = subject.method in functions_of(subject.options)
    return OWN_FUNCTION if own else METHODS[subject.method]


def function_of(subject: Subject) -> Callable[[Tensor], Tensor]:
    """The function that a method's maps explain: (n, 3, S, S) -> (n, C) float64."""
    model, entry = subject.model, method_of(subject)
    target = wanted_by(entry, subject.options)
    if target is None and entry.models == ("cam",):
        target = "logit"
    if target is None:
        return lambda images: model.log_probs(images).double().exp()
    return lambda images: explained(model.head, model(images), target)


def label_maps(
    subject: Subject,
    images: Tensor,
    labels: Sequence[int],
    image_ids: Sequence[str],
    model: Model | None = None,
) -> Tensor:
    """The maps of images' labels by the subject's method.

    Args:
        subject: the method and its options, and the model if no other is given.
        images: (B, 3, S, S) normalised, on the model's device.
        labels: B classes.
        image_ids: B names, which decide random draws.
        model: instead of the subject's.

    Returns:
        (B, h, w) at the method's own resolution, without gradient.
    """
    model = subject.model if model is None else model
    classes = [(label,) for label in labels]
    with torch.enable_grad():  # for methods by gradients, also where a caller turned them off
        maps = maps_of(model, subject.method, images, classes, image_ids, subject.options)
    return maps.detach()


def pixel_maps(maps: Tensor, size: int) -> Tensor:
    """Maps (B, h, w) on the image's pixels: (B, size, size) float64 on the CPU."""
    return torch.from_numpy(upsampled(maps.detach().cpu().numpy(), size))
