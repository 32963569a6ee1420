"""Whole classifiers by name: a library's, or what a callable of one's own returns, with weights.

A network comes as its makers built it; how its weights are read is in
`pipeline.models.checkpoint_files`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from pipeline.models.checkpoint_files import (
    StateDict,
    fitted,
    fitted_by_position,
    read_state_dict,
)
from pipeline.models.network_index import candidates, similar
from pipeline.runtime.errors import UserError
from pipeline.runtime.functions import load_function
from pipeline.runtime.packages import PREFIX, find_in_package, missing_in_package
from pipeline.runtime.validation import nearest

LIBRARIES = ("timm", "torchvision")
Weights = str | Path | StateDict | None


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
    source, _, name = spec.partition(":")
    if not is_library(spec):
        network = _called(spec)
        if weights is None:
            return Built(network, "the callable")
        return with_weights(network, weights, spec)
    build = _of_timm if source == "timm" else _of_torchvision
    if weights is None:
        return Built(build(name, outputs, None), "none: as the network is built")
    if isinstance(weights, str) and weights.partition(":")[0] == source:
        return Built(build(name, None, weights), f"{weights}, the library's own")
    read = weights if isinstance(weights, StateDict) else read_state_dict(_file(weights))
    network = build(name, None, None)
    found = _outputs(network, read.tensors)
    if found is not None:
        network = build(name, found, None)
    return with_weights(network, read, spec)


def _file(weights: str | Path) -> Path:
    """The file behind the key ``weights``."""
    if str(weights).startswith(PREFIX):
        file = find_in_package(str(weights))
        if file is None:
            raise UserError(f"weights: {missing_in_package(str(weights))}")
        return file
    return Path(weights)


def _outputs(network: nn.Module, state: dict[str, Tensor]) -> int | None:
    """The number of classes of a state dict, where it is another than the network's."""
    own = network.state_dict()
    state = fitted(state, own)
    if not own.keys() & state.keys():
        state = fitted_by_position(state, own) or {}
    other = [
        (name, value)
        for name, value in state.items()
        if name in own and name.endswith("weight") and own[name].shape[1:] == value.shape[1:]
        and len(own[name]) != len(value)
    ]  # fmt: skip
    return len(other[-1][1]) if other else None


def with_weights(network: nn.Module, weights: str | Path | StateDict, name: str) -> Built:
    """A network with the weights of a file, every one of which must fit.

    Raises:
        UserError: the file's weights are not this network's.
    """
    read = weights if isinstance(weights, StateDict) else read_state_dict(_file(weights))
    own = network.state_dict()
    state = fitted(read.tensors, own)
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
    network.load_state_dict(state, strict=False)
    return Built(network, note)


def misfit(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """How a state dict differs from a network's own, in words; empty where it fits."""
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
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


def _of_timm(name: str, outputs: int | None, weights: str | None) -> nn.Module:
    import timm

    known = timm.list_models()
    if name.partition(".")[0] not in known:  # a tag of weights may follow the name
        raise UserError(f"timm has no network {name!r}{nearest(name, known)}.")
    more: dict[str, Any] = {} if outputs is None else {"num_classes": outputs}
    if weights:
        return _downloaded(lambda: timm.create_model(name, pretrained=True), f"timm:{name}")
    try:
        return timm.create_model(name, pretrained=False, **more)
    except RuntimeError as error:  # a tag that timm does not know
        raise UserError(f"timm has no {name!r}: {error}") from error


def _of_torchvision(name: str, outputs: int | None, weights: str | None) -> nn.Module:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise UserError(f"torchvision has no classifier {name!r}{nearest(name, known)}.")
    if weights:
        entry = weights.partition(":")[2].rpartition(".")[2] or "DEFAULT"
        return _downloaded(lambda: models.get_model(name, weights=entry), f"torchvision:{name}")
    more: dict[str, Any] = {} if outputs is None else {"num_classes": outputs}
    if name in ("googlenet", "inception_v3"):
        more["init_weights"] = False  # they are replaced, or the caller's business
    return models.get_model(name, weights=None, **more)


def _downloaded(build: Callable[[], nn.Module], name: str) -> nn.Module:
    """A network with its library's own weights.

    Raises:
        UserError: there are none, or they cannot be downloaded.
    """
    try:
        return build()
    except Exception as error:  # each library and its network code raises what it likes
        raise UserError(
            f"The weights of {name} cannot be had: {error}. Download them where there is a network "
            "and give the file instead: `weights: FILE`."
        ) from error


def _called(spec: str) -> nn.Module:
    """What a callable of the user's returns, checked to be a network."""
    found = load_function(spec)
    try:
        network = found if isinstance(found, nn.Module) else found()
    except Exception as error:  # the user's code raises what it likes
        raise UserError(f"{spec} gives no model: {type(error).__name__}: {error}") from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{spec} returns {type(network).__name__}; it must return an nn.Module.")
    return network
