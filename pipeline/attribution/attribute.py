"""Maps of a few images, without a study: :func:`attribute`."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor

from pipeline.attribution.ability import check_able
from pipeline.attribution.query import entry_of, maps_of
from pipeline.catalogue.methods import sections_of
from pipeline.models.classifier import Classifier
from pipeline.models.given import GivenModel
from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest, problems_of
from pipeline.settings import Attribution

_LABELS = {
    "class": "one class for each image",
    "counterfactual": "two classes for each image, y and y'",
    "superset": "a set of classes for each image",
}


def attribute(
    model: Classifier | GivenModel,
    images: Tensor,
    labels: Tensor | Sequence[int] | Sequence[Iterable[int]],
    method: str = "gradient",
    **options: Any,
) -> Tensor:
    """Attribution maps of images by a method of the catalogue (docs/methods.md).

    Args:
        model: in evaluation mode.
        images: (B, 3, S, S) as the network takes them, already normalised, on the model's device.
        labels: (B,) the class that each map explains; (B, 2) classes y and y' for
            ``"counterfactual"``; B sets of classes for the superset methods. Methods that explain
            no class ignore them.
        method: its name.
        options: keys of the method's own sections of ``attribution`` in the config, such as
            ``samples=10`` for ``"smoothgrad"`` (config/README.md).

    Returns:
        (B, h, w) float32 at the method's own resolution, in its own units, without gradient. Random
        draws of a method depend on an image's place among the B.

    Raises:
        UserError: the model has no such method, the method no such option; or images and labels do
            not fit together or do not fit the model.
    """
    entry = entry_of(method, model.kind)
    chosen = _options(method, options)
    if images.ndim != 4 or images.shape[1] != 3:
        raise UserError(f"images: expected (B, 3, S, S), not {tuple(images.shape)}.")
    check_able(model, method, images)
    classes = _classes(entry.targets, labels, len(images), model.num_classes)
    image_ids = [str(row) for row in range(len(images))]
    with torch.enable_grad():  # for methods by gradients, even if the caller turned them off
        return maps_of(model, method, images, classes, image_ids, chosen).detach()


def _classes(targets: str, labels: Any, count: int, known: int) -> list[tuple[int, ...]]:
    """The classes of each image's map."""
    if targets == "prior":
        return [()] * count
    rows = labels.tolist() if isinstance(labels, Tensor) else list(labels)
    found = [tuple(map(int, row)) if isinstance(row, Iterable) else (int(row),) for row in rows]
    sizes = {"class": 1, "counterfactual": 2}
    fits = all(len(row) == sizes.get(targets, max(len(row), 1)) for row in found)
    if len(found) != count or not fits:
        raise UserError(f"labels: give {_LABELS[targets]}; there are {count} images.")
    if wrong := [label for row in found for label in row if not 0 <= label < known]:
        raise UserError(f"labels: {wrong[0]} is not one of the model's classes, 0 to {known - 1}.")
    return found


def _options(method: str, given: dict[str, Any]) -> Attribution:
    """The options of a method, each put into the section that it belongs to."""
    section_of: dict[str, str | None] = {}  # None: a key outside the sections
    for name in sections_of(method):
        default = Attribution.model_fields[name].default
        keys = type(default).model_fields if isinstance(default, BaseModel) else ()
        section_of |= dict.fromkeys(keys, name) if keys else {name: None}
    content: dict[str, Any] = {}
    for key, value in given.items():
        if key not in section_of:
            raise UserError(f"{method} has no option {key!r}{nearest(key, section_of)}")
        section = section_of[key]
        (content if section is None else content.setdefault(section, {}))[key] = value
    try:
        return Attribution.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(problems_of(error, Attribution))
        raise UserError(f"options of {method}: {problems}") from error
