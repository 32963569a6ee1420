"""Whether a model can do methods, found out on one image, before any map is computed."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.attribution.features import blocks_of, tokens_of
from pipeline.attribution.query import Query
from pipeline.catalogue.methods import METHODS
from pipeline.models.classifier import Classifier
from pipeline.models.given import GivenModel
from pipeline.runtime.errors import UserError


def check_able(model: Classifier | GivenModel, method: str, images: Tensor) -> None:
    """Check that a model has what a method of the catalogue needs of it.

    Args:
        model: in evaluation mode.
        method: its name.
        images: (B, 3, S, S), of which the first is tried; any values.

    Raises:
        UserError: the kind of model has no such method, or this model lacks what it needs; the
            message names the method, what is missing, and what to take instead.
    """
    for problem in lacking(model, [method], images):
        raise UserError(problem)


def lacking(model: Classifier | GivenModel, methods: Sequence[str], images: Tensor) -> list[str]:
    """What a model lacks for methods: a text for each reason, with the methods that it is about.

    Args:
        model: in evaluation mode; on PyTorch's meta device no method may need ``"modules"``.
        methods: names of the catalogue.
        images: (B, 3, S, S) on its device, of which the first is tried. Methods that compute a map
            to find out compare it with that of an image of zeros, so it should not be one.
    """
    query = Query(model, images[:1], images.new_zeros(1).long(), [(0,)], ["probe"])
    reasons: dict[str, list[str]] = {}
    for method in methods:
        try:
            _try(query, method)
        except UserError as error:
            reasons.setdefault(str(error).removeprefix(f"{method}: "), []).append(method)
    return [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]


def _try(query: Query, method: str) -> None:
    """Raise UserError if the query's model lacks what a method needs."""
    entry, kind = METHODS[method], query.model.kind
    if kind == "given" and "cam" in entry.models and kind not in entry.models:
        raise UserError(
            "this network's end is not pooling and one linear layer, nor a convolution and pooling,"
            " so it has no class activation maps. Take another method, such as gradcam or gradient."
        )
    if kind not in entry.models:
        valid = ", ".join(name for name, each in METHODS.items() if kind in each.models)
        raise UserError(f"a {kind} model has no such method; valid: {valid}.")
    if entry.needs == "modules":
        query.maps(method)
    elif entry.needs == "gradients":
        query.once(_check_gradients)
    elif entry.needs == "features":
        query.once(tokens_of)
    elif entry.needs == "tokens":
        query.once(blocks_of)


def _check_gradients(query: Query) -> None:
    """Check that a network from elsewhere lets gradients through, all the way to the image."""
    if not isinstance(query.model, GivenModel):
        return
    images = query.inputs.clone().requires_grad_()
    found, why = None, ""
    try:
        with torch.enable_grad():
            scores = query.model.log_probs(images)
            if scores.requires_grad:
                (found,) = torch.autograd.grad(scores[0, 0], images, allow_unused=True)
    except Exception as error:  # the user's network raises what it likes; a quantised one here
        why = f" ({type(error).__name__}: {str(error).partition(chr(10))[0]})"
    if found is None:
        raise UserError(
            f"no gradient reaches the image{why}, as something in this network cuts it off, such "
            "as `torch.no_grad()`, `.detach()`, NumPy or quantised layers. Remove it, or take "
            "another method, such as occlusion or rise."
        )
