"""``calm check``: can a study, or one folder of images, be used as it is?"""

import argparse
import os
from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from pipeline.catalogue.layouts import LAYOUTS
from pipeline.runtime.errors import UserError
from pipeline.runtime.functions import load_function
from pipeline.runtime.packages import PREFIX, find_in_package, missing_in_package
from pipeline.runtime.validation import problems_of
from pipeline.settings import Records
from pipeline.study.advice import advice
from pipeline.study.jobs import Study
from pipeline.study.loading import load
from pipeline.study.needs import records_job
from pipeline.study.opening import to_build

DESCRIPTION = """\
Check a study's data sets and weights, or one folder of images, before anything runs.

Reads every list and decodes every image that the config names, and writes nothing. For
anything missing it says where to get it and what the folder should look like."""

EXAMPLES = """\
  calm check                      the default study (draws its own images: nothing to fetch)
  calm check config/cub.yaml      CUB-200-2011 and the weights that its models start from
  calm check data/birds           a folder of images, without a config"""

_OF_FOLDER = ("layout", "metadata", "boxes", "masks")  # options that are keys of `records`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own."""
    parser.add_argument(
        "config",
        nargs="?",
        metavar="CONFIG_OR_FOLDER",
        default="config/config.yaml",
        help="config of a study, or a folder of raw data (default: %(default)s)",
    )
    parser.add_argument(
        "--layout",
        choices=list(LAYOUTS),
        help="of a folder (docs/datasets.md); default: wsol with --metadata, cub where the folder "
        "has images.txt, else folder",
    )
    parser.add_argument("--metadata", help="layout wsol: folder of the benchmark's lists")
    parser.add_argument("--boxes", help="layout folder: file of boxes, CSV or COCO JSON")
    parser.add_argument("--masks", help="folder of masks, or COCO JSON")
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        help="decoding threads (default: one per core)",
    )


def run(given: argparse.Namespace) -> None:
    """Print what was found.

    Raises:
        UserError: the config is wrong, or something that it names cannot be used.
    """
    if os.path.isdir(given.config):
        _check_folder(given)
        return
    named = [f"--{key}" for key in _OF_FOLDER if getattr(given, key)]
    if named:
        raise UserError(
            f"{', '.join(named)}: only for a folder, and {given.config} is not one. A config has "
            "it under `records` of a data set."
        )
    unusable = 0
    for usable, text in diagnose(load(given.config), given.workers):
        print(text, flush=True)
        unusable += not usable
    if unusable:
        raise UserError(
            f"{given.config} names {unusable} data sets, weights or functions that cannot be used, "
            "see above."
        )
    print(f"{given.config}: everything can be used. Next: calm run --configfile {given.config}")


def diagnose(study: Study, workers: int) -> Iterator[tuple[bool, str]]:
    """Check a study's data sets, weights and functions one after the other.

    Args:
        study: its config.
        workers: decoding threads.

    Yields:
        Whether it can be used, and a paragraph that says what was found, or else what is missing,
        where to get it and what it should look like.
    """
    from pipeline.datasets import doctor  # imports pandas, which the help does not need

    for name, dataset in study.datasets.items():
        if dataset.root is None:
            yield True, f"{name}: drawn by the study itself."
            continue
        usable, text = doctor.diagnose(dataset.root, records_job(study, name), workers)
        yield usable, f"{name}: {text}"
    if to_build(study):
        from pipeline.command.trained_models import built  # imports PyTorch, which takes seconds

        yield from _with_keys(built(study))
    for key, weights in study.named_weights():
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


def _check_folder(given: argparse.Namespace) -> None:
    from pipeline.datasets import doctor

    keys = {key: value for key in _OF_FOLDER if (value := getattr(given, key))}
    keys.setdefault("layout", _layout(given.config, keys))
    try:
        records = Records.model_validate(keys)
    except ValidationError as error:
        raise UserError("; ".join(problems_of(error, Records))) from error
    usable, text = doctor.diagnose(given.config, records, given.workers)
    print(text, flush=True)
    if not usable:
        raise UserError(f"{given.config} cannot be used, see above.")
    written = ", ".join(f"{key}: {value}" for key, value in keys.items())
    print(f"In a config: root: {given.config}, records: {{{written}}} (docs/own_data.md)")


def _layout(folder: str, keys: dict[str, str]) -> str:
    """What a folder looks like."""
    if "metadata" in keys:
        return "wsol"
    return "cub" if os.path.isfile(os.path.join(folder, "images.txt")) else "folder"


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
    if weights.startswith("torchvision:"):
        return True, f"{key}: {weights}, downloaded by torchvision when they are first used."
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
