"""Keys of the config that had another name once; the message about an old key gives the new one."""

from typing import Any

from pipeline.study.merging import matches

# old key, its present name, type of the value (`object`: any); "*" is a name of the user's
RENAMED: tuple[tuple[str, str, type], ...] = (
    ("datasets.*.cues", "datasets.*.cue_localization", object),
    ("datasets.*.images.format", "datasets.*.images.train_format and images.eval_format", object),
    ("evaluation.cues", "evaluation.cue_localization", object),
    ("methods.*", "own_maps.*", dict),  # NAME: {path, model} stood among the lists of methods
)


def new_name(place: tuple[str, ...], value: Any) -> str | None:
    """The present name of a key, if it is an old one.

    Args:
        place: keys that lead to it from the top of the config.
        value: what the config says under it.
    """
    for old, new, kind in RENAMED:
        pattern = tuple(old.split("."))
        if matches(place, pattern) and isinstance(value, kind):
            names = iter(key for key, wanted in zip(place, pattern, strict=True) if wanted == "*")
            return ".".join(next(names) if key == "*" else key for key in new.split("."))
    return None
