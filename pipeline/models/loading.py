"""Load any classifier from its name, a file or a module: :func:`load_model`."""

from pathlib import Path

from torch import nn

from pipeline.models.classifier import Classifier
from pipeline.models.given import GivenModel
from pipeline.models.given_parts import SIDE
from pipeline.models.guessing import guessed
from pipeline.models.intake import wanted_by
from pipeline.models.networks import build_network, is_library, with_weights
from pipeline.models.study_models import is_of_study
from pipeline.models.study_models import load_model as load_of_study
from pipeline.runtime.errors import UserError
from pipeline.runtime.functions import is_function_name

FORMS = (
    "a file of weights, 'timm:NAME', 'torchvision:NAME', 'package.module:callable', or an nn.Module"
)


def load_model(
    spec: str | Path | nn.Module, weights: str | Path | None = None, *, layer: str | None = None
) -> Classifier | GivenModel:
    """A classifier in evaluation mode, on the CPU, whatever it comes from.

    Args:
        spec: a weights file of a study; another file of weights, whose network is recognised by
            its tensors' names if timm or torchvision has it; ``"timm:NAME"`` or
            ``"torchvision:NAME"``, whose network is explained as it is;
            ``"package.module:callable"`` that returns an nn.Module, images -> logits; or such a
            module itself.
        weights: any file that people have, see `pipeline.models.checkpoint_files`; the number of
            classes comes from it. ``"timm"`` or ``"torchvision"`` takes that library's own, which
            it downloads. None: as the network is built.
        layer: where the Grad-CAM family looks at a network from elsewhere: the name of a module,
            as in ``named_modules()``; None: before the pooling, or at the last layer with a map.

    Returns:
        A model with ``.logits(images)`` (B, C) where it has logits, ``.log_probs(images)`` (B, C),
        and ``.classes``, their number; images (B, 3, S, S) as the network takes them, normalised.

    Raises:
        UserError: there is no such network or file, or they do not fit together.
    """
    if isinstance(spec, nn.Module):
        name = type(spec).__name__
        network = spec if weights is None else with_weights(spec, weights, name).network
        return _checked(GivenModel(network, layer=layer))
    if is_library(str(spec)):
        return _of_library(str(spec), weights, layer)
    if Path(spec).is_file():
        if weights is not None:
            raise UserError(f"{spec} is a file of weights already: leave `weights` out.")
        if is_of_study(spec):
            return load_of_study(spec)
        return _of_library(guessed(spec), spec, layer)
    if is_function_name(str(spec)):
        return _checked(GivenModel(build_network(str(spec), weights).network, layer=layer))
    raise UserError(f"There is no model {str(spec)!r}: give {FORMS}.")


def _of_library(spec: str, weights: str | Path | None, layer: str | None) -> GivenModel:
    """A library's network, tried on images of the size that the library says."""
    network = build_network(spec, weights).network
    wanted = wanted_by(spec, network, weights)
    return GivenModel(network, layer=layer, side=wanted.side or SIDE, of_library=wanted)


def _checked(model: GivenModel) -> GivenModel:
    model.check_alone()
    return model
