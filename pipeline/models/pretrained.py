"""The weights that a trunk starts from: read by torchvision's name or from a file, and checked."""

from collections.abc import Iterable
from pathlib import Path

import torchvision
from torch import Tensor, nn

from pipeline.artefacts.weights import read_own_weights
from pipeline.models import timm_trunks, torchvision_tokens
from pipeline.models.checkpoint_files import read_state_dict
from pipeline.models.downloads import downloaded
from pipeline.models.network_index import candidates, similar
from pipeline.models.reference_names import HEAD
from pipeline.models.tensor_names import check_numbers, is_counter
from pipeline.models.trunks import Trunk, trunk_named
from pipeline.runtime.errors import UserError
from pipeline.runtime.packages import PREFIX, file_in_package
from pipeline.settings import TrainJob
from pipeline.settings.models import LIBRARIES


def read_weights(source: str, path: Path | None = None, trunk: str = "") -> dict[str, Tensor]:
    """The state dict that the key ``weights`` names.

    A model of a study comes with the trunk's tensors under their own names, as in torchvision's
    files, and its heads' tensors under ``head.``.

    Args:
        source: ``torchvision:NAME`` (downloaded), ``timm`` or ``torchvision`` for the weights that
            the library publishes for its own network (downloaded), ``package:PACKAGE/PATH``, a
            path, or a ``model:...`` of the study.
        path: the file behind ``source`` where that is known: always for a model of the study.
        trunk: that they are for, as in a config; read for a library's own weights alone.

    Raises:
        UserError: the weights are missing, unreadable, or unknown to torchvision.
    """
    if source in LIBRARIES:
        return _published(source, trunk)
    if source.startswith("torchvision:"):
        return _download(source.removeprefix("torchvision:"))
    if path is None and source.startswith(PREFIX):
        path = file_in_package(source)
    path = Path(path or source)
    if source.startswith("model:"):
        return _named_as_trunk(read_own_weights(path)[0])
    return _named_as_trunk(read_state_dict(path).tensors)


def _published(library: str, trunk: str) -> dict[str, Tensor]:
    source, _, name = trunk.partition(":")
    if source != library:
        raise UserError(
            f"weights: {library}: the trunk {trunk!r} is no network of {library}. Give a file, or "
            f"the trunk as '{library}:NAME'."
        )
    if library == "timm":
        return timm_trunks.published(name)
    return _download(str(torchvision.models.get_model_weights(name).DEFAULT))


def _named_as_trunk(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("trunk."): value for name, value in state.items()}


def _download(name: str) -> dict[str, Tensor]:
    try:
        weights = torchvision.models.get_weight(name)
    except (ValueError, AttributeError) as error:
        raise UserError(f"weights: torchvision knows no {name!r} ({error}).") from error
    return downloaded(lambda: weights.get_state_dict(check_hash=True), f"torchvision:{name}")


def load_trunk(
    module: nn.Module,
    name: str,
    state: dict[str, Tensor],
    source: str,
    form: Trunk | None = None,
) -> None:
    """Load ``state`` into ``module``, a trunk that `build_trunk` made as ``name``.

    ``form`` is that of `Head.trunk_of`, where a head needs the trunk in another form.

    The layers that the trunk leaves out of the library's network are ignored, and so are heads
    (but for what of timm's ``head.`` is the trunk's, a norm of the map).
    Those that it adds keep their initialisation if ``state`` has none of them. All else must fit.

    Raises:
        UserError: tensors are missing, unexpected or of another shape; the message names them
            and ``source``.
    """
    trunk = form or trunk_named(name)
    own = module.state_dict()
    held = state
    state = torchvision_tokens.as_built(module, state)
    ignored = (*trunk.left_out, HEAD)
    state = {k: value for k, value in state.items() if k in own or not k.startswith(ignored)}
    needed = set(own)
    if not any(key.startswith(trunk.added) for key in state):
        needed = {key for key in own if not key.startswith(trunk.added)}
    # older PyTorch files lack the batch counters, which only matter for cumulative statistics
    needed = {key for key in needed if not is_counter(key)}
    misfits = {
        f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own.keys() & state.keys()
        if state[key].shape != own[key].shape
    }
    problems = [
        _enumerate("missing", needed - state.keys()),
        _enumerate("unexpected", state.keys() - own.keys()),
        _enumerate("of another shape", misfits),
    ]
    if any(problems):
        known = candidates(held) or similar(held)
        hint = f" They look like those of {known[0]}." if known else ""
        raise UserError(
            f"weights {source!r} do not fit trunk {name!r}: {'; '.join(filter(None, problems))}."
            f"{hint} Choose the weights of this trunk, or the trunk of these weights."
        )
    check_numbers(state, name)
    module.load_state_dict(state, strict=False)


def load_head(head: nn.Module, name: str, state: dict[str, Tensor], job: TrainJob) -> None:
    """Load the heads' weights (``head: trained``) instead of drawing them.

    They are those of a model of a study or of the authors' code; of a library's network its own
    classifier, which is CAM's class branch where it is one linear layer on the mean of the map.

    Args:
        head: of a model whose trunk is ``name``.
        name: of the trunk.
        state: from `read_weights`, without the trunk's own tensors.
        job: of the model.

    Raises:
        UserError: the file has no such weights, or they do not fit the head.
    """
    given = {k.removeprefix(HEAD): v for k, v in state.items() if k.startswith(HEAD)}
    layer = trunk_named(name, job.training.crop).classifier
    if layer and f"{layer}.weight" in state:
        given = _class_branch(state, layer)
    own = head.state_dict()
    misfits = sorted(
        f"{key} {tuple(given[key].shape) if key in given else 'missing'} instead of "
        f"{tuple(own[key].shape) if key in own else 'none'}"
        for key in own.keys() | given.keys()
        if key not in own or key not in given or own[key].shape != given[key].shape
    )
    if misfits:
        raise UserError(
            f"head: trained: the heads in weights {job.weights!r} do not fit this "
            f"model: {_enumerate('tensors', misfits)}. Choose weights of the same method and "
            "classes (of a library's network: `method: cam`, where one linear layer follows the "
            "mean of the map), or `head: scratch`."
        )
    head.load_state_dict(given)


def _class_branch(state: dict[str, Tensor], layer: str) -> dict[str, Tensor]:
    """A linear layer (C, channels) as the 1x1 convolution of CAM's head."""
    given = {
        f"classes.{part}": state[f"{layer}.{part}"]
        for part in ("weight", "bias")
        if f"{layer}.{part}" in state
    }
    weight = given["classes.weight"]
    return given | {"classes.weight": weight.reshape(*weight.shape[:2], 1, 1)}


def _enumerate(what: str, names: Iterable[str]) -> str:
    """``"what: the first eight names ... (how many)"``, or nothing if there are none."""
    names = sorted(names)
    more = " ..." if len(names) > 8 else ""
    return f"{what}: {', '.join(names[:8])}{more} ({len(names)})" if names else ""
