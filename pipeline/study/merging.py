"""Configs over each other: key by key, the upper one wins."""

from collections.abc import Mapping
from typing import Any

# Mappings whose keys are names that the user chose. A null in one of them drops the entry of that
# name from the extended config; anywhere else a null is a value (`evaluation: {erase: null}`).
NAMED = (
    ("architectures",),
    ("datasets",),
    ("datasets", "*", "variants"),
    ("own_maps",),
    ("methods",),
    ("per_model",),
    ("search", "ranges"),
)


def merge(
    under: Mapping[str, Any], over: Mapping[str, Any], place: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Nested mappings merged key by key; ``over`` wins.

    Args:
        under: the config below.
        over: the config on top.
        place: keys that lead to the two from the top of a config, for `NAMED`.
    """
    merged = dict(under)
    for key, value in over.items():
        if value is None and key in under and _is_named(place):
            del merged[key]
        elif isinstance(value, Mapping) and isinstance(under.get(key), Mapping):
            merged[key] = merge(under[key], value, (*place, str(key)))
        else:
            merged[key] = value
    return merged


def matches(place: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether keys from the top of a config follow a pattern, in which ``*`` is any one key."""
    return len(place) == len(pattern) and all(
        wanted in ("*", key) for key, wanted in zip(place, pattern, strict=True)
    )


def is_of(model: tuple[str, str, str], pattern: str) -> bool:
    """Whether a model (data set, architecture, variant) follows DATASET/ARCHITECTURE/VARIANT."""
    return matches(model, tuple(pattern.split("/")))


def _is_named(place: tuple[str, ...]) -> bool:
    return any(matches(place, pattern) for pattern in NAMED)
