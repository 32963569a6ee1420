"""Any classifier by its name, its file or itself: :func:`load_model`."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pipeline.models.checkpoint_files import StateDict, fitted, read_state_dict
from pipeline.models.classifier import Classifier
from pipeline.models.classifier import load_model as load_trained
from pipeline.models.given import GivenModel
from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest

FORMS = (
    "a weights file of a study, 'timm:NAME', 'torchvision:NAME', 'package.module:callable', or an "
    "nn.Module"
)


def load_model(
    spec: str | Path | nn.Module, weights: str | Path | None = None
) -> Classifier | GivenModel:
    """A classifier in evaluation mode, on the CPU, whatever it comes from.

    Args:
        spec: a weights file of a study; ``"timm:NAME"`` or ``"torchvision:NAME"``, whose network
            is explained as it is; ``"package.module:callable"`` that returns an nn.Module, images
            -> logits; or such a module itself.
        weights: any file that people have, see `pipeline.models.checkpoint_files`; the number of
            classes comes from it. ``"timm"`` or ``"torchvision"`` takes that library's own, which
            it downloads. None: as the network is built.

    Returns:
        A model with ``.logits(images)`` (B, C) where it has logits, ``.log_probs(images)`` (B, C),
        and ``.classes``, their number; images (B, 3, S, S) as the network takes them, normalised.

    Raises:
        UserError: there is no such network or file, or they do not fit together.
    """
    if isinstance(spec, nn.Module):
        return GivenModel(_with(spec, weights, type(spec).__name__))
    source, _, name = str(spec).partition(":")
    if source in ("timm", "torchvision") and name:
        build = _of_timm if source == "timm" else _of_torchvision
        return _built(build, source, name, weights)
    if Path(spec).is_file():
        if weights is not None:
            raise UserError(f"{spec} is a file of weights already: leave `weights` out.")
        return load_trained(spec)
    if name and all(part.isidentifier() for part in (*source.split("."), *name.split("."))):
        return GivenModel(_with(_called(source, name), weights, str(spec)))
    raise UserError(f"There is no model {str(spec)!r}: give {FORMS}.")


def _built(
    build: Callable[[str, int | None, bool], nn.Module],
    source: str,
    name: str,
    weights: str | Path | None,
) -> GivenModel:
    """A network of a library, with its own weights or those of a file."""
    if weights is None or str(weights) == source:
        return GivenModel(build(name, None, weights is not None))
    read = read_state_dict(weights)
    network = build(name, None, False)
    state = fitted(read.tensors, network.state_dict())
    outputs = _outputs(network, state)
    if outputs is not None:
        network = build(name, outputs, False)
    return GivenModel(_with(network, read, f"{source}:{name}"))


def _outputs(network: nn.Module, state: Mapping[str, Tensor]) -> int | None:
    """The number of classes of a state dict, where it is another than the network's."""
    own = network.state_dict()
    other = [
        (name, value)
        for name, value in state.items()
        if name in own and name.endswith("weight") and own[name].shape[1:] == value.shape[1:]
        and len(own[name]) != len(value)
    ]  # fmt: skip
    return len(other[-1][1]) if other else None


def _with(network: nn.Module, weights: str | Path | StateDict | None, name: str) -> nn.Module:
    """A network with the weights of a file, every one of which must fit.

    Raises:
        UserError: the file's weights are not this network's.
    """
    if weights is None:
        return network
    read = weights if isinstance(weights, StateDict) else read_state_dict(weights)
    own = network.state_dict()
    state = fitted(read.tensors, own)
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [key for key in state if key not in own]
    wrong = [key for key in own if key in state and own[key].shape != state[key].shape]
    if missing or unknown or wrong:
        raise UserError(
            f"The weights do not belong to {name}: of its {len(own)} tensors {len(missing)} are "
            f"missing{_first(missing)}, {len(wrong)} have another shape{_first(wrong)}, and "
            f"{len(unknown)} of the file's are unknown to it{_first(unknown)}. Name the network "
            "that they were trained in."
        )
    network.load_state_dict(state, strict=False)
    return network


def _first(names: list[str]) -> str:
    return f" (such as {names[0]})" if names else ""


def _of_timm(name: str, outputs: int | None, pretrained: bool) -> nn.Module:
    import timm

    if name not in timm.list_models():
        raise UserError(f"timm has no network {name!r}{nearest(name, timm.list_models())}.")
    more: dict[str, Any] = {} if outputs is None else {"num_classes": outputs}
    return timm.create_model(name, pretrained=pretrained, **more)


def _of_torchvision(name: str, outputs: int | None, pretrained: bool) -> nn.Module:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise UserError(f"torchvision has no classifier {name!r}{nearest(name, known)}.")
    more: dict[str, Any] = {} if outputs is None else {"num_classes": outputs}
    if name in ("googlenet", "inception_v3"):
        more["init_weights"] = False  # they are replaced, or the caller's business
    return models.get_model(name, weights="DEFAULT" if pretrained else None, **more)


def _called(module: str, name: str) -> nn.Module:
    """What a callable of the user's returns, checked to be a network."""
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        network = found() if not isinstance(found, nn.Module) else found  # type: ignore[operator]
    except Exception as error:  # the user's code raises what it likes
        raise UserError(f"{module}:{name} gives no model: {type(error).__name__}: {error}") from (
            error
        )
    if not isinstance(network, nn.Module):
        raise UserError(
            f"{module}:{name} returns {type(network).__name__}; it must return an nn.Module."
        )
    return network
