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


def split(keys: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keys of a config file, and nested ones that the command line sets below its sections."""
    own, nested = {}, {}
    for key, value in keys.items():
        *sections, last = str(key).replace(JOINT, ".").split(".")
        if not sections:
            own[key] = value
            continue
        inner: dict[str, Any] = {last: _typed(value)}
        for section in reversed(sections):
            inner = {section: inner}
        nested = merge(nested, inner)
    return own, nested


def over(keys: dict[str, Any], nested: Mapping[str, Any]) -> dict[str, Any]:
    """The config with the keys of the command line on top.

    Raises:
        UserError: one is below a name that the config does not have.
    """
    _check_names(keys, nested, ())
    return merge(keys, nested)


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


def _check_names(
    keys: Mapping[str, Any], nested: Mapping[str, Any], place: tuple[str, ...]
) -> None:
    for name, inner in nested.items():
        below = keys.get(name)
        if not isinstance(inner, Mapping):
            continue
        if below is None and any(matches(place, named) for named in NAMED):
            where = ".".join(place)
            raise UserError(f"{where} has no {name!r} to change{nearest(name, keys)}.")
        if isinstance(below, Mapping):
            _check_names(below, inner, (*place, name))
