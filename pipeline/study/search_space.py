"""What a search draws for each training method, and the draws: pure functions of their names.

The spaces are those of the WSOL benchmark (Choe et al., "Evaluating Weakly Supervised Object
Localization Methods Right", CVPR 2020), which the paper's Appendix E follows: the learning rate for
every method, and what the method itself adds. InCA is not in the benchmark; its space is our own,
after ADL's and SPG's. Snakemake loads this module in every job, so it imports nothing heavy.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.artefacts.files import canonical_json
from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.settings import Range, Search, Training, TrainJob

# A quantile function: a uniform number in (0, 1) and a look-up of the training keys, those already
# drawn among them, to a value.
Quantile = Callable[[float, Callable[[str], Any]], Any]

OF_ARCHITECTURE = ("map_size",)  # no training key, but drawn by the benchmark
NOT_DRAWN = {"method", "epochs", "weights", "head", *TRAINING_METHODS}


def _between(low: float, high: float) -> Quantile:
    return lambda u, key: low + u * (high - low)


def _log_between(low: float, high: float) -> Quantile:
    return lambda u, key: low * (high / low) ** u


def _above(lower: str) -> Quantile:
    """Uniform from another key's value to 1."""
    return lambda u, key: key(lower) + u * (1 - key(lower))


def _side_of_area(u: float, key: Callable[[str], Any]) -> float:
    """Side of a square whose area is the fraction ``u`` of the crop's, pixels."""
    return max(1.0, key("crop") * math.sqrt(u))


def _size_prior(u: float, key: Callable[[str], Any]) -> float:
    """1 / V - 1/2 for V uniform in (0, 2): any positive number."""
    return 1 / (2 * (1 - u)) - 0.5


_EVERY_METHOD: dict[str, Quantile] = {"lr": _log_between(1e-5, 1)}
_OF_METHOD: dict[str, dict[str, Quantile]] = {
    "has": {"has.drop_rate": _between(0, 1), "has.grid_size": _side_of_area},
    "acol": {"acol.threshold": _between(0, 1)},
    "spg": {
        f"spg.{head}_{bar}": _between(0, 1) if bar == "low" else _above(f"spg.{head}_low")
        for head in ("b1", "b2", "c")
        for bar in ("low", "high")
    },
    "adl": {"adl.drop_rate": _between(0, 1), "adl.threshold": _between(0, 1)},
    "cutmix": {"cutmix.beta": _size_prior, "cutmix.probability": _between(0, 1)},
    "inca": {
        "inca.drop_rate": _between(0, 1),
        "inca.low": _between(0, 1),
        "inca.high": _above("inca.low"),
    },
}


def space(search: Search, method: str) -> dict[str, Quantile]:
    """What is drawn for a training method: key -> quantile function, in the order of drawing.

    Ranges of the config win over the method's own; those of another method's section are left out.
    """
    found = {**_EVERY_METHOD, **_OF_METHOD.get(method, {})}
    for key, chosen in search.ranges.items():
        section, _, inner = key.rpartition(".")
        if not inner or section in ("", method):
            found[key] = _of_range(chosen)
    return found


def _of_range(chosen: Range) -> Quantile:
    choices, low, high = chosen.choices, chosen.low, chosen.high
    if choices is not None:
        return lambda u, key: choices[int(u * len(choices))]
    assert low is not None  # `Range` has either
    assert high is not None
    return (_log_between if chosen.log else _between)(low, high)


def uniform(*names: Any) -> float:
    """A number in (0, 1), uniform over different names: a hash of them."""
    digest = hashlib.sha256(canonical_json(names).encode()).digest()
    return (int.from_bytes(digest[:8], "big") // 2**12 + 0.5) / 2**52


def draw(search: Search, training: Training, model: tuple[str, str, str], number: int) -> dict:
    """The keys of one draw, by dotted name.

    A value depends on the search's seed, the model's names, the draw's number and its key alone: a
    search of 30 draws begins with the draws of a search of 10, and a further key changes no other.

    Args:
        search: seed and ranges.
        training: the variant's keys.
        model: data set, architecture, variant.
        number: of the draw, from 0.
    """
    drawn: dict[str, Any] = {}

    def value_of(key: str) -> Any:
        return drawn[key] if key in drawn else _look_up(training, key)

    for key, quantile in space(search, training.method).items():
        value = quantile(uniform(search.seed, *model, number, key), value_of)
        drawn[key] = round(value) if field_type(key) is int else value
    return drawn


def nested(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as sections: {"adl.threshold": 0.5} -> {"adl": {"threshold": 0.5}}."""
    found: dict[str, Any] = {}
    for key, value in keys.items():
        section, _, inner = key.rpartition(".")
        (found.setdefault(section, {}) if section else found)[inner] = value
    return found


def of_job(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Drawn keys as those of a `TrainJob`: {"lr": 1, "map_size": 14} -> {"training": ..., ...}."""
    own = {key: keys[key] for key in OF_ARCHITECTURE if key in keys}
    return {**own, "training": nested({key: keys[key] for key in keys if key not in own})}


def field_type(key: str) -> Any:
    """The type of a key that may be drawn, by dotted name.

    Raises:
        KeyError: there is no such key.
    """
    if key in OF_ARCHITECTURE:
        return TrainJob.model_fields[key].annotation
    section, _, inner = key.rpartition(".")
    model: Any = Training.model_fields[section].annotation if section else Training
    return model.model_fields[inner].annotation


def drawable_keys() -> list[str]:
    """The dotted names of all keys that a search may draw."""
    keys = [*OF_ARCHITECTURE, *(key for key in Training.model_fields if key not in NOT_DRAWN)]
    for method in TRAINING_METHODS:
        if method in Training.model_fields:  # it has options of its own
            section: Any = Training.model_fields[method].annotation
            keys += [f"{method}.{key}" for key in section.model_fields]
    return keys


def _look_up(training: Training, key: str) -> Any:
    value: Any = training
    for name in key.split("."):
        value = getattr(value, name)
    return value
