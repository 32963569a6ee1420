"""Whole classifiers by name: a library's, or what a callable of one's own returns, with weights.

A network comes as its makers built it; how its weights are read is in
`pipeline.models.checkpoint_files`.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn
from torchvision import models
from torchvision.models import WeightsEnum

from pipeline.models.checkpoint_files import StateDict, read_state_dict
from pipeline.models.downloads import downloaded
from pipeline.models.lukemelas import check_padding
from pipeline.models.network_index import candidates, similar
from pipeline.models.normalisation import AUXILIARY, CONVERTING
from pipeline.models.tensor_names import check_numbers, fitted, fitted_by_position, is_counter
from pipeline.runtime.errors import UserError
from pipeline.runtime.functions import is_function_name, load_function
from pipeline.runtime.packages import PREFIX, file_in_package
from pipeline.runtime.validation import nearest
from pipeline.settings.models import LIBRARIES

Weights = str | Path | StateDict | None


_CONVERTING = tuple(f"torchvision:{name}" for name in CONVERTING)


class Built(NamedTuple):
    """A network, and how its weights were put in: for the record."""

    network: nn.Module
    note: str


def is_library(spec: str) -> bool:
    """Whether a name is ``timm:NAME`` or ``torchvision:NAME``."""
    source, _, name = spec.partition(":")
    return source in LIBRARIES and bool(name)


def build_network(spec: str, weights: Weights = None, outputs: int | None = None) -> Built:
    """A whole classifier, images -> logits, on the CPU.

    Args:
        spec: ``timm:NAME``, ``torchvision:NAME`` or ``package.module:callable``.
        weights: a file, which says how many classes there are; ``package:PACKAGE/PATH``, one that
            a package brings; of a library's network also the library's name for its own weights
            (downloaded), or ``torchvision:ENTRY``; None: as the network is built.
        outputs: number of classes of a library's network, where no file of weights says it.

    Raises:
        UserError: there is no such network or file, or they do not fit together.
    """
    if not is_library(spec):
        network = _called(spec)
        if weights is None:
            return Built(network, "the callable")
        return with_weights(network, weights, spec)
    if weights is None:
        return Built(_of_library(spec, outputs), "none: as the network is built")
    if isinstance(weights, str) and weights.partition(":")[0] == spec.partition(":")[0]:
        return Built(_published(spec, weights), f"{weights}, the library's own")
    read = weights if isinstance(weights, StateDict) else read_state_dict(_file(weights))
    check_padding(read.tensors, spec)
    network = _of_library(spec)
    state = fitted(read.tensors, network.state_dict())
    found, side = _outputs(network, state), _side(network, state)
    if found is not None or side is not None:
        network = _of_library(spec, found, side)
    return with_weights(network, read, spec)


def rebuilt(spec: str, outputs: int, state: Mapping[str, Tensor]) -> nn.Module:
    """The network that :func:`build_network` gave, from its name, with random weights.

    Args:
        spec: its name.
        outputs: of a library's network, how many it has.
        state: its tensors, by which the size of its images is known where that matters.
    """
    network = build_network(spec, None, outputs).network
    side = _side(network, state) if is_library(spec) else None
    return network if side is None else _of_library(spec, outputs, side)


def _file(weights: str | Path) -> Path:
    """The file behind the key ``weights``."""
    return file_in_package(str(weights)) if str(weights).startswith(PREFIX) else Path(weights)


def _outputs(network: nn.Module, state: dict[str, Tensor]) -> int | None:
    """The number of classes of a state dict, where it is another than the network's."""
    own = network.state_dict()
    if not own.keys() & state.keys():
        state = fitted_by_position(state, own) or {}
    other = [
        (name, value)
        for name, value in state.items()
        if name in own and name.endswith("weight") and own[name].shape[1:] == value.shape[1:]
        and len(own[name]) != len(value)
    ]  # fmt: skip
    return len(other[-1][1]) if other else None


def _side(network: nn.Module, state: Mapping[str, Tensor]) -> int | None:
    """The side of the images of a torchvision ViT's state dict, where it is another one."""
    positions = state.get("encoder.pos_embedding")
    if not isinstance(network, models.VisionTransformer) or positions is None:
        return None
    patches = math.isqrt(positions.shape[1] - 1)  # a side; the first token is that of the class
    side = patches * network.patch_size
    return None if side == network.image_size else side


def with_weights(network: nn.Module, weights: str | Path | StateDict, name: str) -> Built:
    """A network with the weights of a file, every one of which must fit.

    Raises:
        UserError: the file's weights are not this network's.
    """
    read = weights if isinstance(weights, StateDict) else read_state_dict(_file(weights))
    own = network.state_dict()
    state = fitted(read.tensors, own)
    if name in _CONVERTING:
        state = {key: value for key, value in state.items() if not key.startswith(AUXILIARY)}
    note = f"a file ({read.kind})"
    if not own.keys() & state.keys() and (renamed := fitted_by_position(state, own)):
        state = renamed
        note += ", its tensors by their order, as their names are other ones"
    if problem := misfit(own, state):
        known = candidates(state) or similar(state)
        hint = f" They look like those of {known[0]}." if known else ""
        raise UserError(
            f"The weights do not belong to {name}: {problem}.{hint} Name the network that they "
            "were trained in."
        )
    check_numbers(state, name)
    network.load_state_dict(state, strict=False)
    return Built(network, note)


def misfit(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """How a state dict differs from a network's own, in words; empty where it fits."""
    missing = [key for key in own if key not in state and not is_counter(key)]
    unknown = [key for key in state if key not in own]
    wrong = [key for key in own if key in state and own[key].shape != state[key].shape]
    if not (missing or unknown or wrong):
        return ""
    return (
        f"of its {len(own)} tensors {len(missing)} are missing{_first(missing)}, {len(wrong)} have "
        f"another shape{_first(wrong)}, and {len(unknown)} of the file's are unknown to it"
        f"{_first(unknown)}"
    )


def _first(names: list[str]) -> str:
    return f" (such as {names[0]})" if names else ""


# of those that are `CONVERTING`: auxiliary classifiers are for training alone; to draw weights,
# most of which are replaced, takes a minute
_AS_PUBLISHED = {"transform_input": True, "aux_logits": False, "init_weights": False}


def _of_library(spec: str, outputs: int | None = None, side: int | None = None) -> nn.Module:
    """A library's network with random weights; ``side`` is that of a torchvision ViT's images."""
    source, _, name = spec.partition(":")
    _check_name(source, name)
    more: dict[str, Any] = {} if outputs is None else {"num_classes": outputs}
    if source == "timm":
        import timm

        try:
            return timm.create_model(name, pretrained=False, **more)
        except RuntimeError as error:  # a tag that timm does not know
            raise UserError(f"timm has no {name!r}: {error}") from error
    if side is not None:
        more["image_size"] = side
    if name in CONVERTING:
        more |= _AS_PUBLISHED
    return models.get_model(name, weights=None, **more)


def _published(spec: str, weights: str) -> nn.Module:
    """A library's network with the library's own weights, which it downloads."""
    source, _, name = spec.partition(":")
    _check_name(source, name)
    if source == "timm":
        import timm

        return downloaded(lambda: timm.create_model(name, pretrained=True), spec)
    entry = entry_of(name, weights)
    if name not in CONVERTING:
        return downloaded(lambda: models.get_model(name, weights=entry), spec)
    # torchvision insists on the auxiliary classifiers that these weights hold
    more = _AS_PUBLISHED | {"aux_logits": True}
    network: Any = downloaded(lambda: models.get_model(name, weights=entry, **more), spec)
    for auxiliary in AUXILIARY:
        if hasattr(network, auxiliary.removesuffix(".")):
            setattr(network, auxiliary.removesuffix("."), None)
    network.aux_logits = False
    return network


def _check_name(source: str, name: str) -> None:
    """Refuse a name that a library does not have."""
    if source == "timm":
        import timm

        known = timm.list_models()
        if name.partition(".")[0] not in known:  # a tag of weights may follow the name
            raise UserError(f"timm has no network {name!r}{nearest(name, known)}.")
        return
    known = models.list_models(module=models)
    if name not in known:
        raise UserError(f"torchvision has no classifier {name!r}{nearest(name, known)}.")


def entry_of(name: str, weights: str) -> WeightsEnum:
    """The published weights of a torchvision network that ``torchvision[:ENTRY]`` names.

    Raises:
        UserError: it has no such weights.
    """
    known = models.get_model_weights(name)
    kind, _, entry = weights.partition(":")[2].rpartition(".")
    if kind in ("", known.__name__) and (entry or "DEFAULT") in known.__members__:
        return known[entry or "DEFAULT"]
    entries = ", ".join(f"torchvision:{known.__name__}.{each.name}" for each in known)
    raise UserError(
        f"weights: torchvision publishes no {weights.partition(':')[2]} for {name}. It has "
        f"{entries or 'none'}."
    )


def _called(spec: str) -> nn.Module:
    """What a callable of the user's returns, checked to be a network."""
    if not is_function_name(spec):  # a path, above all
        raise UserError(
            f"There is no model {spec!r}: it is no file, and none of timm:NAME, torchvision:NAME "
            "and package.module:callable."
        )
    found = load_function(spec)
    try:
        network = found if isinstance(found, nn.Module) else found()
    except (Exception, SystemExit) as error:  # the user's code raises what it likes
        raise UserError(f"{spec} gives no model: {type(error).__name__}: {error}") from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{spec} returns {type(network).__name__}; it must return an nn.Module.")
    return network
