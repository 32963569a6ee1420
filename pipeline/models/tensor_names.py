"""Named tensors of a file under the names that a network uses for them."""

from collections.abc import Iterable, Mapping

from torch import Tensor

from pipeline.runtime.errors import UserError


def check_numbers(state: Mapping[str, Tensor], name: str) -> None:
    """Refuse weights of a network with NaN among them.

    Raises:
        UserError: there is one; the message names the first tensor with it.
    """
    for key, value in state.items():
        if value.is_floating_point() and not value.is_meta and value.isnan().any():
            raise UserError(
                f"weights: those for {name} hold NaN, such as {key}: a training that failed. Take "
                "an earlier checkpoint."
            )


def is_counter(name: str) -> bool:
    """Whether a tensor only counts a batch norm's batches, which older files lack."""
    return name.endswith("num_batches_tracked")


def fitted(
    state: dict[str, Tensor], names: Iterable[str], keep: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """The tensors under the names that a network uses, where all lie inside an attribute.

    A LightningModule or a wrapper of one's own keeps the network as ``model``, ``net.backbone`` or
    ``ema_model.module``, which then stands before its names. If the network is there as a whole,
    what lies elsewhere (a loss with weights, the state of a metric) is left out.

    Args:
        state: named tensors.
        names: of the network's tensors.
        keep: beginnings of names that are never left out.

    Returns:
        ``state`` itself if any name is found as it is, or most are inside no attribute.

    Raises:
        UserError: several attributes hold the whole network, and none of them is an average.
    """
    names = set(names)
    if names & state.keys():
        return state
    found: dict[str, int] = {}  # beginning -> how many of the network's names stand behind it
    for name in state:
        for part in (name[:cut] for cut in _cuts(name) if name[cut:] in names):
            found[part] = found.get(part, 0) + 1
    most = max(found.values(), default=0)
    if 2 * most < len(names):
        return state
    best = [part for part, count in found.items() if count == most]
    whole = all(best[0] + name in state or is_counter(name) for name in names)
    averaged = [part for part in best if "ema" in part.lower()]
    if whole and len(best) > 1 and len(averaged) != 1:
        raise UserError(
            f"The weights hold several networks of this kind, under {', '.join(map(repr, best))}. "
            "Save the one that is meant alone."
        )
    part = (averaged or best)[0]
    return {
        name.removeprefix(part): value
        for name, value in state.items()
        if not whole or name.startswith((part, *keep))
    }


def _cuts(name: str) -> list[int]:
    """Where the parts of a dotted name but the first begin."""
    return [place + 1 for place, letter in enumerate(name) if letter == "."]


def fitted_by_position(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor]
) -> dict[str, Tensor] | None:
    """The tensors under a network's names, where they are its own in order, under other names.

    The same network in another library's naming: as many tensors, each with the last part of the
    name (``weight``, ``running_mean``) and the shape of the network's at its place, but for the
    number of classes, the first side of the last ones.

    Returns:
        None where they are not.
    """
    state = {name: value for name, value in state.items() if not is_counter(name)}
    names = [name for name in own if not is_counter(name)]
    if len(names) != len(state):
        return None
    for name, (other, value) in zip(names, state.items(), strict=True):
        same_part = name.rpartition(".")[2] == other.rpartition(".")[2]
        if not same_part or own[name].shape[1:] != value.shape[1:]:
            return None
    return dict(zip(names, state.values(), strict=True))
