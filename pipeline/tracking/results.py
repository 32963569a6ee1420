"""What a tracker is sent of a study, whichever it is."""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.artefacts.scores import IDENTITY, read_score
from pipeline.report.facts import commit
from pipeline.runtime.errors import UserError
from pipeline.study.trackers import missing_package


@dataclass(frozen=True)
class Results:
    """A study's results.

    Attributes:
        title: of the study.
        config: all of it, with the defaults.
        tags: what the numbers come from.
        scores: TASK/DATASET/[ARCHITECTURE/VARIANT/SEED/]METHOD/VALUE -> number, a fraction where it
            is one; the ends of its interval have the same name with ``.low`` and ``.high``.
        files: place in the run, such as ``figures/birds/net/training.svg`` -> file.
    """

    title: str
    config: dict[str, Any]
    tags: dict[str, str]
    scores: dict[str, float]
    files: dict[str, Path]


# A tracker: sends results as its section says, and returns what finds them again. The folder is for
# what it keeps on this machine.
Push = Callable[[Results, Any, Path], dict[str, str]]


def gather(
    config: Mapping[str, Any], scores: Sequence[Path], files: Sequence[Path], results: Path
) -> Results:
    """What a finished study has.

    Args:
        config: the whole of it.
        scores: score files.
        files: report, tables and figures.
        results: the results folder, which these lie in.

    Raises:
        UserError: a score file is damaged.
    """
    read = (read_score(path) for path in scores)
    return Results(
        title=config["title"],
        config=dict(config),
        tags={"commit": commit(), "protocol": config["protocol"]},
        scores={name: value for score in read for name, value in _numbers(score)},
        files={path.relative_to(results).as_posix(): path for path in files},
    )


def _numbers(score: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    who = score["identity"]
    who = who | {"seed": None if who["seed"] is None else f"seed{who['seed']}"}
    stem = "/".join([score["task"], *(who[key] for key in IDENTITY if who[key] is not None)])
    for name, value in score["values"].items():
        yield f"{stem}/{name}", value
        for end, bound in zip(("low", "high"), score["intervals"].get(name, ()), strict=False):
            yield f"{stem}/{name}.{end}", bound


def flat(config: Mapping[str, Any], stem: str = "") -> dict[str, str]:
    """The keys of a config by their paths, ``training.lr``; each value as JSON, text as it is."""
    found: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{stem}{key}.")
        else:
            found[f"{stem}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return found


def package(name: str) -> Any:
    """The package of a tracker.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UserError(missing_package(name)) from error
