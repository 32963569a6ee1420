"""Reading a config: what it extends and its preset go under it, then it is checked as a whole.

Snakemake loads this module in every job, so it imports nothing heavy.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import explain_validation, listed
from pipeline.study import consistency
from pipeline.study.jobs import Study
from pipeline.study.merging import merge
from pipeline.study.presets import preset_of
from pipeline.study.renamed import new_name


def load(raw: str | Path | Mapping[str, Any]) -> Study:
    """Read and validate a config (a YAML file, or what Snakemake read from it).

    Raises:
        UserError: the file is missing or no YAML, or keys are unknown or wrong; the message lists
            every problem, with the nearest valid name.
    """
    keys = _with_base(_read(raw) if isinstance(raw, str | Path) else raw)
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
    except yaml.YAMLError as error:
        raise UserError(f"The config {path} is not valid YAML: {error}") from error


def _with_base(keys: Any, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """The keys of a config over those of the config that it extends, which may extend another."""
    if not isinstance(keys, Mapping):
        raise UserError("The config is empty: start from config/config.yaml.")
    base = keys.get("extends")
    if not isinstance(base, str):
        return dict(keys)
    if base in above:
        raise UserError(f"extends: {base} extends itself. Drop the key in one of the configs.")
    return merge(_with_base(_read(os.path.expanduser(base)), (*above, base)), keys)
