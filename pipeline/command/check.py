"""``calm check``: can a study, or one folder of images, be used as it is?"""

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.runtime.errors import UserError
from pipeline.runtime.functions import load_function
from pipeline.runtime.packages import PREFIX, find_in_package, missing_in_package
from pipeline.runtime.validation import problems_of
from pipeline.settings import Records
from pipeline.settings.models import LIBRARIES
from pipeline.study.advice import advice
from pipeline.study.jobs import Study
from pipeline.study.loading import load
from pipeline.study.needs import records_job
from pipeline.study.opening import to_build
from pipeline.study.overrides import parsed


def run(named: str, settings: Sequence[str], workers: int, **of_folder: str | None) -> None:
    """Print what was found.

    Args:
        named: config of a study, or a folder of raw data.
        settings: ``KEY=VALUE`` over the config.
        workers: decoding threads.
        of_folder: what a folder is, as keys of `records`: layout, metadata, boxes, masks.

    Raises:
        UserError: the config is wrong, or something that it names cannot be used.
    """
    keys = {key: value for key, value in of_folder.items() if value is not None}
    if os.path.isdir(named):
        if settings:
            raise UserError(f"--config: only for the config of a study, and {named} is a folder.")
        _check_folder(named, keys, workers)
        return
    if keys:
        raise UserError(
            f"{', '.join(f'--{key}' for key in keys)}: only for a folder, and {named} is not one. "
            "A config has it under `records` of a data set."
        )
    unusable = 0
    for usable, text in diagnose(load(named, settings=parsed(settings)), workers):
        print(text, flush=True)
        unusable += not usable
    if unusable:
        raise UserError(
            f"{named} names {unusable} data sets, weights or functions that cannot be used, "
            "see above."
        )
    more = shlex.join(["--config", *settings]) if settings else ""
    print(f"{named}: everything can be used. Next: calm run --configfile {named} {more}".rstrip())


def diagnose(study: Study, workers: int) -> Iterator[tuple[bool, str]]:
    """Check a study's data sets, weights and functions one after the other.

    Args:
        study: its config.
        workers: decoding threads.

    Yields:
        Whether it can be used, and a paragraph that says what was found, or else what is missing,
        where to get it and what it should look like.
    """
    records: dict[str, Any] = {}
    for name, dataset in study.datasets.items():
        if dataset.root is None:
            yield True, f"{name}: drawn by the study itself."
            continue
        from pipeline.datasets import doctor  # imports pandas, which drawn data do not need

        records[name], text = doctor.diagnose(dataset.root, records_job(study, name), workers)
        yield records[name] is not None, f"{name}: {text}"
    yield from _own_maps(study, records)
    refused: set[str] = set()
    if to_build(study):
        from pipeline.command.trained_models import built  # imports PyTorch, which takes seconds

        found = [*built(study)]
        refused = {key for key, usable, _ in found if not usable}
        yield from _with_keys(found)
    for key, weights in study.named_weights():
        if key not in refused:
            yield _weights(key, weights)
    for name, function in study.methods.functions.items():
        yield _function(f"methods.{name}", function)
    if any(study.given(name) for name in study.architectures):
        from pipeline.command.given_models import opened

        yield from _with_keys(opened(study))
    for text in advice(study):
        yield True, f"Warning: {text}"


def _with_keys(found: Iterable[tuple[str, bool, str]]) -> Iterator[tuple[bool, str]]:
    """What is known of models (key of the config, whether it can be used, text) as paragraphs."""
    for key, usable, text in found:
        yield usable, f"{key}: {text}"


def _check_folder(folder: str, keys: dict[str, str], workers: int) -> None:
    from pipeline.datasets import doctor

    keys.setdefault("layout", _layout(folder, keys))
    try:
        records = Records.model_validate(keys)
    except ValidationError as error:
        raise UserError("; ".join(problems_of(error, Records))) from error
    found, text = doctor.diagnose(folder, records, workers)
    print(text, flush=True)
    if found is None:
        raise UserError(f"{folder} cannot be used, see above.")
    written = ", ".join(f"{key}: {value}" for key, value in keys.items())
    print(f"In a config: root: {folder}, records: {{{written}}} (docs/own_data.md)")


def _layout(folder: str, keys: dict[str, str]) -> str:
    """What a folder looks like."""
    if "metadata" in keys:
        return "wsol"
    return "cub" if os.path.isfile(os.path.join(folder, "images.txt")) else "folder"


def _of_torchvision(key: str, weights: str) -> tuple[bool, str]:
    from torchvision.models import get_weight  # imports PyTorch, which takes seconds

    try:
        get_weight(weights.removeprefix("torchvision:"))
    except (ValueError, AttributeError, KeyError) as error:
        return False, f"{key}: torchvision has no weights of that name ({error})."
    return True, f"{key}: {weights}, downloaded by torchvision when they are first used."


def _own_maps(study: Study, records: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """The user's own maps against the test images, as far as these are known before a run.

    Args:
        study: its config.
        records: data set -> its records; None of one that cannot be used.
    """
    for name, own in study.own_maps.items():
        from pipeline.attribution.own_maps import diagnose_maps

        dataset = own.dataset or str(own.model).partition("/")[0]
        found = records.get(dataset)
        test = None if found is None else found[found["split"] == "test"]
        try:
            yield True, f"own_maps.{name}: {own.path}, {diagnose_maps(Path(own.path), test)}."
        except UserError as error:
            yield False, f"own_maps.{name}: {error}"


def _function(key: str, function: str) -> tuple[bool, str]:
    try:
        load_function(function)
    except UserError as error:
        return False, f"{key}: {error}"
    return True, f"{key}: {function}, found."


def _weights(key: str, weights: str) -> tuple[bool, str]:
    if weights == "none":
        return True, f"{key}: none, training starts from random weights."
    if weights.startswith("model:"):
        return True, f"{key}: {weights}, trained by the study itself."
    if weights in LIBRARIES:
        return True, f"{key}: what {weights} publishes for the trunk, downloaded when first used."
    if weights.startswith("torchvision:"):
        return _of_torchvision(key, weights)
    if weights.startswith(PREFIX):
        if not find_in_package(weights):
            return False, f"{key}: {missing_in_package(weights)}"
    elif not os.path.exists(weights):
        return False, (
            f"{key}: {weights} is missing.\n"
            "  Correct the path, run the study that trains these weights, or write\n"
            "  torchvision:NAME for torchvision's own, such as\n"
            "  torchvision:ResNet50_Weights.IMAGENET1K_V1."
        )
    # PyTorch takes seconds to import: only where there is a file to open
    from pipeline.models.pretrained import read_weights

    try:
        tensors = read_weights(weights)
    except UserError as error:
        return False, f"{key}: {weights} cannot be used.\n  {error}"
    return True, f"{key}: {weights}, found. It holds {len(tensors)} tensors."
