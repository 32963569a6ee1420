"""A query: the maps that are asked for, and the intermediate results that methods share.

Every method is a function of a query. What several methods need, such as the one forward pass or
the noisy gradients, is computed when the first of them asks and kept for the others.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pipeline.catalogue.methods import METHODS, OWN_FUNCTION, Entry
from pipeline.models.classifier import Classifier
from pipeline.models.given import GivenModel
from pipeline.runtime.errors import UserError
from pipeline.settings import Attribution, MethodOptions

Classes = Sequence[tuple[int, ...]]


class Forward:
    """One forward pass of some images, made when its result is first asked for; without gradient.

    Args:
        model: in evaluation mode, on the device of ``inputs``.
        inputs: (B, 3, S, S) normalised images.
    """

    def __init__(self, model: Classifier | GivenModel, inputs: Tensor) -> None:
        self._model, self._inputs = model, inputs

    @cached_property
    def output(self) -> Tensor:
        """The model's maps of all classes (B, C, h, w)."""
        with torch.inference_mode():
            return self._model(self._inputs)

    @cached_property
    def log_probs(self) -> Tensor:
        """log p(y|x) (B, C)."""
        with torch.inference_mode():
            return self._model.head.log_probs(self.output)


class Query:
    """K maps of B images that are asked for.

    Attributes:
        model: in evaluation mode, on the device of ``inputs``.
        inputs: (B, 3, S, S) normalised images.
        images: (K,) int64, the row of ``inputs`` of each map.
        classes: the classes of each of the K maps, see
            :func:`pipeline.artefacts.targets.target_classes`.
        image_ids: B names of images.
        options: of the methods, and the user's own functions among them.
        forward: the pass of the images, where other queries of the same images share it.
    """

    def __init__(
        self,
        model: Classifier | GivenModel,
        inputs: Tensor,
        images: Tensor,
        classes: Classes,
        image_ids: Sequence[str],
        options: Attribution | None = None,
        forward: Forward | None = None,
    ) -> None:
        self.model = model
        self.inputs = inputs
        self.images = images
        self.classes = classes
        self.image_ids = image_ids
        self.options = options or Attribution()
        self.forward = forward or Forward(model, inputs)
        self._shared: dict[Any, Any] = {}

    def once(self, compute: Callable[["Query"], Any]) -> Any:
        """The result of ``compute(self)``, computed once and kept for other methods."""
        if compute not in self._shared:
            self._shared[compute] = compute(self)
        return self._shared[compute]

    @property
    def output(self) -> Tensor:
        """The model's maps of all classes (B, C, h, w), without gradient."""
        return self.forward.output

    @property
    def log_probs(self) -> Tensor:
        """log p(y|x) (B, C), without gradient."""
        return self.forward.log_probs

    def label(self, position: int = 0) -> Tensor:
        """(K,) int64: the class at ``position`` of each map's classes."""
        return torch.tensor(
            [classes[position] for classes in self.classes],
            dtype=torch.long,
            device=self.inputs.device,
        )

    def maps(self, name: str) -> Tensor:
        """The maps of a method of the catalogue or of the user's: (K, h, w), any real numbers."""
        if reference := functions_of(self.options).get(name):
            own = importlib.import_module(OWN_FUNCTION.code)
            return own.own_function(self, name, reference)
        module = importlib.import_module(METHODS[name].code)
        return getattr(module, name)(self)


def functions_of(options: Attribution) -> Mapping[str, str]:
    """The methods that are functions of the user's own: name -> ``package.module:function``."""
    return options.functions if isinstance(options, MethodOptions) else {}


def entry_of(name: str, kind: str, options: Attribution | None = None) -> Entry:
    """The catalogue's entry of a method for a kind of model.

    Args:
        name: of the method.
        kind: of the model.
        options: of the methods; they know the user's own functions.

    Raises:
        UserError: there is none of that name for this kind; the message lists those there are.
    """
    if options is not None and name in functions_of(options):
        return OWN_FUNCTION
    entry = METHODS.get(name)
    if entry is None or kind not in entry.models:
        valid = [each for each, entry in METHODS.items() if kind in entry.models]
        names = ", ".join(valid) or "none"
        raise UserError(f"--method: a {kind} model has no method {name!r}; valid: {names}.")
    return entry


def maps_of(
    model: Classifier | GivenModel,
    name: str,
    inputs: Tensor,
    classes: Classes,
    image_ids: Sequence[str],
    options: Attribution,
) -> Tensor:
    """One map for each of some images, without a plan or a store.

    Args:
        model: in evaluation mode.
        name: of the method.
        inputs: (B, 3, S, S) normalised, on the model's device.
        classes: the classes of each image's map; one label each for methods of a class.
        image_ids: B names; methods with random draws depend on them.
        options: of the methods.

    Returns:
        (B, h, w), at the method's own resolution.
    """
    images = torch.arange(len(inputs), device=inputs.device)
    return Query(model, inputs, images, classes, image_ids, options).maps(name)
