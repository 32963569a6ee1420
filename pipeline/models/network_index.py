"""The classifiers of torchvision and timm by the names and shapes of their tensors.

``python -m pipeline.models.network_index`` writes network_index.csv for the installed libraries;
building a thousand networks to compare a file with would take minutes. Of each network it holds a
digest of the names of its tensors, one of their shapes without those of the last layer, and a
sketch of the names: the smallest of their hashes, by which the share of names that two networks
have in common is estimated (Broder's min-wise hashing).
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from pipeline.artefacts.files import atomic_path
from pipeline.models.normalisation import CONVERTING
from pipeline.models.strides import built_without_values
from pipeline.models.tensor_names import is_counter
from pipeline.runtime.cli import main, parser

INDEX = Path(__file__).with_name("network_index.csv")
SKETCH = 16  # hashes of a sketch


class Network(NamedTuple):
    """A line of the index.

    Attributes:
        name: ``torchvision:NAME`` or ``timm:NAME``.
        names: digest of its tensors' names.
        shapes: digest of the shapes of all but the head's.
        head: names of the tensors that have one row for each class.
        sketch: the smallest hashes of the names; none where a line above has the same names.
    """

    name: str
    names: str
    shapes: str
    head: str
    sketch: str


def candidates(state: Mapping[str, Tensor]) -> list[str]:
    """The networks that have just these tensors, whatever the number of classes.

    Args:
        state: named tensors, as a network has them.

    Returns:
        Their names, torchvision's first.
    """
    state = _without_counters(state)
    names = _digest(sorted(state))
    return [
        network.name
        for network in _index()
        if network.names == names and network.shapes == _shapes(state, network.head.split())
    ]


def similar(state: Mapping[str, Tensor], most: int = 3) -> list[str]:
    """The networks that share most names with a state dict, the nearest first; [] if none does."""
    own = {*_sketch(_without_counters(state))}
    shared = {n.name: len(own & {*n.sketch.split()}) for n in _index()}
    nearest = sorted(shared, key=lambda name: -shared[name])
    return [name for name in nearest[:most] if shared[name] >= SKETCH // 4]


@cache
def _index() -> list[Network]:
    with open(INDEX, newline="") as stream:
        return [Network(**row) for row in csv.DictReader(stream)]


def _without_counters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the counters of batch norms, which older files lack."""
    return {name: value for name, value in state.items() if not is_counter(name)}


def _shapes(state: Mapping[str, Tensor], head: Iterable[str]) -> str:
    without = {*head}
    return _digest(f"{n} {tuple(v.shape)}" for n, v in sorted(state.items()) if n not in without)


def _digest(words: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def _sketch(names: Iterable[str]) -> list[str]:
    return sorted(hashlib.sha256(name.encode()).hexdigest()[:6] for name in names)[:SKETCH]


def _networks() -> Iterator[tuple[str, nn.Module, int]]:
    """Every classifier of the two libraries, without numbers in its tensors, and its classes."""
    import timm
    from torchvision import models

    for name in models.list_models(module=models):
        more = {"init_weights": False} if name in CONVERTING else {}
        yield (
            f"torchvision:{name}",
            built_without_values(partial(models.get_model, name, weights=None, **more)),
            1000,
        )
    for name in timm.list_models():
        network = built_without_values(partial(timm.create_model, name))
        classes = int(network.num_classes)  # type: ignore[arg-type]
        if classes:
            yield f"timm:{name}", network, classes


def run(argv: list[str]) -> None:
    """Write the index for the installed libraries."""
    parser("pipeline.models.network_index", "Write network_index.csv anew.").parse_args(argv)
    with atomic_path(INDEX) as temporary, open(temporary, "w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Network._fields)
        above = set()
        for name, network, classes in _networks():
            state = _without_counters(network.state_dict())
            head = [key for key, value in state.items() if value.shape[:1] == (classes,)]
            names = _digest(sorted(state))
            sketch = "" if names in above else " ".join(_sketch(state))
            above.add(names)
            writer.writerow(Network(name, names, _shapes(state, head), " ".join(head), sketch))


if __name__ == "__main__":
    main(run)
