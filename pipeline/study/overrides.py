"""Keys of a config that the command line sets: ``--config training.lr=0.01``.

Snakemake refuses a point in the name of a key, so that for plain `snakemake` the parts are joined
by two underscores: ``--config training__lr=0.01``. `calm` takes both.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest
from pipeline.study.merging import NAMED, matches, merge

Place = tuple[str, ...]  # keys from the top of a config
JOINT = "__"


def joined(setting: str) -> str:
    """``training.lr=0.01`` in the form that Snakemake takes: ``training__lr=0.01``."""
    key, equals, value = setting.partition("=")
    return key.replace(".", JOINT) + equals + value


def parsed(settings: Iterable[str]) -> dict[str, str]:
    """``KEY=VALUE`` texts of a command line as keys of a config, to be taken apart by `split`.

    Raises:
        UserError: one is no KEY=VALUE.
    """
    found = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise UserError(f"--config {setting}: write KEY=VALUE, such as training.lr=0.01.")
        found[key] = value
    return found


def split(keys: Mapping[str, Any]) -> tuple[dict[str, Any], dict[Place, Any]]:
    """The keys of a config file, and those that the command line sets: place -> value."""
    own, settings = {}, {}
    for key, value in keys.items():
        place = tuple(str(key).replace(JOINT, ".").split("."))
        if len(place) == 1:
            own[key] = value
        else:
            settings[place] = _typed(value)
    return own, settings


def over(keys: dict[str, Any], settings: Mapping[Place, Any]) -> dict[str, Any]:
    """The config with the keys of the command line on top.

    Raises:
        UserError: one is below a name that the config does not have.
    """
    for place, value in settings.items():
        _check_names(keys, place)
        for key in reversed(place):
            value = {key: value}
        keys = merge(keys, value)
    return keys


def _check_names(keys: Mapping[str, Any], place: Place) -> None:
    """Raise UserError where a key stands below a data set, model, ... that is not in the config."""
    for depth, name in enumerate(place[:-1]):
        if not isinstance(keys, Mapping):
            return
        if name not in keys and any(matches(place[:depth], named) for named in NAMED):
            where = ".".join(place[:depth])
            raise UserError(f"{where} has no {name!r} to change{nearest(name, keys)}.")
        keys = keys.get(name, {})


def _typed(value: Any) -> Any:
    """A value as in a file: Snakemake leaves texts in it where YAML has numbers or null."""
    if isinstance(value, str):
        try:
            return yaml.safe_load(value)
        except yaml.YAMLError:
            return value
    if isinstance(value, Mapping):
        return {key: _typed(inner) for key, inner in value.items()}
    return [_typed(inner) for inner in value] if isinstance(value, list) else value
