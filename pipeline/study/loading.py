"""Reading a config: what it extends and its preset go under it, then it is checked as a whole.

Snakemake loads this module in every job, so it imports nothing heavy.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import explain_validation, listed
from pipeline.study import consistency, overrides
from pipeline.study.jobs import Study
from pipeline.study.merging import merge
from pipeline.study.presets import preset_of
from pipeline.study.renamed import new_name


def load(
    raw: str | Path | Mapping[str, Any],
    files: Sequence[str | Path] = (),
    settings: Mapping[str, Any] | None = None,
) -> Study:
    """Read and validate a config.

    Args:
        raw: a YAML file, or what Snakemake read from files and its command line.
        files: that Snakemake read; what one of them extends counts from its folder.
        settings: keys of the command line, which win (`pipeline.study.overrides`).

    Raises:
        UserError: the file is missing or no YAML, or keys are unknown or wrong; the message lists
            every problem, with the nearest valid name.
    """
    keys = _read(raw) if isinstance(raw, str | Path) else raw
    if not isinstance(keys, Mapping):
        raise UserError("The config is empty: start from config/config.yaml.")
    own, given = overrides.split({**keys, **(settings or {})})
    says = raw if isinstance(raw, str | Path) else _that_extends(own.get("extends"), files)
    keys = overrides.over(_with_base(own, says), given)
    try:
        study = Study.model_validate(merge(preset_of(keys), keys))
    except ValidationError as error:
        raise UserError(explain_validation(error, Study, new_name)) from error
    if found := consistency.problems(study):
        raise UserError(listed(found))
    return study


def _read(path: str | Path) -> Any:
    """A YAML file."""
    try:
        return yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise UserError(f"Cannot read the config {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"The config {path} is not valid YAML: {error}") from error
    except RecursionError as error:
        raise UserError(f"The config {path} is nested too deeply to be a study.") from error


def _that_extends(base: Any, files: Sequence[str | Path]) -> str | Path | None:
    """The file, of those that Snakemake merged, that says what is extended: the last one wins."""
    for file in reversed(files if isinstance(base, str) else ()):
        keys = _read(file)
        if isinstance(keys, Mapping) and keys.get("extends") == base:
            return file
    return None


def _with_base(keys: Any, file: str | Path | None, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """The keys of a config over those of the config that it extends, which may extend another.

    Args:
        keys: of the config.
        file: that holds it; None: it was given without a file, and the present folder counts.
        above: files that extend it.
    """
    if not isinstance(keys, Mapping):
        raise UserError(f"The config {file} is empty: start from config/config.yaml.")
    base = keys.get("extends")
    if not isinstance(base, str):
        return dict(keys)
    folder = Path(file).parent if file else Path()
    path = folder / os.path.expanduser(base)
    if str(path.resolve()) in above:
        raise UserError(f"extends: {base} extends itself. Drop the key in one of the configs.")
    if not path.exists() and Path(base).exists():
        near = os.path.relpath(base, folder)
        raise UserError(f"extends: {base} counts from the folder of {file}. Write {near}.")
    return merge(_with_base(_read(path), path, (*above, str(path.resolve()))), keys)
