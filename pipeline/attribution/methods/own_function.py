"""A method that is a function of the user's own (docs/own_methods.md)."""

import inspect
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pipeline.attribution.query import Query
from pipeline.runtime.errors import UserError
from pipeline.runtime.functions import load_function


def own_function(query: Query, name: str, reference: str) -> Tensor:
    """The maps of a function of a query, or of model, images and labels: (K, h, w).

    Args:
        query: for maps of classes.
        name: of the method.
        reference: ``package.module:function``.

    Raises:
        UserError: the function cannot be loaded, fails, or gives no K maps of finite numbers.
    """
    function = load_function(reference)
    images, labels = query.images, query.label()
    arguments = (
        (query,)
        if _takes(function, name, reference) == 1
        else (query.model, query.inputs[images], labels)
    )
    try:
        with torch.enable_grad():
            found = function(*arguments)
    except UserError:
        raise
    except Exception as error:  # the user's function raises what it likes
        raise UserError(
            f"methods.{name}: {reference} fails on {len(labels)} images: {type(error).__name__}: "
            f"{error}"
        ) from error
    if isinstance(found, np.ndarray):
        found = torch.from_numpy(found)
    problem = _problem(found, len(labels))
    if problem:
        raise UserError(
            f"methods.{name}: {reference} gives {problem}. It must give one map of finite numbers "
            f"for each of the {len(labels)} that are asked for: a tensor ({len(labels)}, h, w)."
        )
    return found.detach().to(query.inputs.device, torch.float32)


def _takes(function: Callable, name: str, reference: str) -> int:
    """How many arguments a function has: one, a query, or three, model, images and labels."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    needed = [each for each in parameters if each.kind in kinds and each.default is each.empty]
    if len(needed) not in (1, 3):
        raise UserError(
            f"methods.{name}: {reference} takes {len(needed)} arguments. Write a function of one "
            "argument, a query, or of three: model, images, labels."
        )
    return len(needed)


def _problem(found: object, count: int) -> str:
    """What is wrong with what a function gave, in words; empty if nothing is."""
    if not isinstance(found, Tensor):
        return f"{type(found).__name__}, no tensor"
    if found.ndim != 3 or len(found) != count or not found.numel():
        return f"a tensor of shape {tuple(found.shape)}"
    if not (found.is_floating_point() or found.dtype in (torch.bool, torch.uint8, torch.int64)):
        return f"values of {found.dtype}"
    if not torch.isfinite(found).all():
        return "values that are not finite (NaN or infinite)"
    return ""
