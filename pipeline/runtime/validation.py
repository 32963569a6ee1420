"""What is wrong with a config, in words: every problem with its key and its cure."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

# From the path and value of a renamed key to its present name; None of any other key.
NewName = Callable[[tuple[str, ...], Any], str | None]


class UnknownKey(ValueError):
    """Raised for a value by which a key that may have any name shows to be a mistaken one."""


# Words of other tools for keys of ours; slips of the pen are found without this table.
OTHER_WORDS: dict[str, tuple[str, ...]] = {
    "architectures": ("models", "networks", "backbones", "trunks", "arch", "archs"),
    "batch_size": ("batchsize", "batch", "bs"),
    "bootstrap": ("ci", "confidence_interval", "resampling"),
    "boxes": ("bboxes", "bounding_boxes", "annotations"),
    "cpu_threads": ("num_workers", "workers", "n_jobs"),
    "crop": ("crop_size", "input_size", "image_size", "img_size"),
    "datasets": ("data", "dataset"),
    "decay_every": ("step_size", "milestones"),
    "decay_factor": ("gamma", "lr_gamma"),
    "draws": ("trials", "n_trials"),
    "epochs": ("num_epochs", "n_epochs", "max_epochs", "iterations"),
    "evaluation": ("metrics", "eval"),
    "flip": ("hflip", "horizontal_flip"),
    "images": ("transform", "transforms", "preprocessing"),
    "layout": ("format", "type"),
    "level": ("confidence", "alpha"),
    "lr": ("learning_rate", "base_lr", "initial_lr"),
    "masks": ("segmentations", "annotations"),
    "method": ("loss", "algorithm"),
    "methods": ("explainers", "attribution_methods"),
    "precision": ("amp", "mixed_precision", "fp16", "bf16"),
    "replicates": ("n_bootstrap", "bootstraps", "n_resamples", "samples"),
    "results": ("output", "out", "output_dir", "save_dir"),
    "root": ("path", "folder", "directory", "data_dir"),
    "schedule": ("scheduler", "lr_scheduler", "lr_policy"),
    "seed": ("random_seed", "random_state"),
    "seeds": ("random_seed", "random_state"),
    "test_per_class": ("max_test_images", "test_images"),
    "title": ("name", "study", "experiment"),
    "train_per_class": ("max_train_images", "train_images"),
    "trunk": ("backbone", "network", "net", "encoder", "arch", "architecture"),
    "val_fraction": ("val_split", "validation_split", "val_size"),
    "variants": ("models", "runs"),
    "warmup_epochs": ("warmup", "warm_up"),
    "weight_decay": ("wd", "l2"),
    "weights": ("checkpoint", "ckpt", "pretrained", "state_dict"),
}


def explain_validation(
    error: ValidationError, model: type[BaseModel], new_name: NewName | None = None
) -> str:
    """All problems of a failed validation in one text, each with its key and its cure."""
    return listed(problems_of(error, model, new_name))


def listed(problems: Iterable[str]) -> str:
    """Problems of a config in one text."""
    lines = list(problems)
    return f"{len(lines)} problem(s) in the config:\n  " + "\n  ".join(lines)


def problems_of(
    error: ValidationError, model: type[BaseModel], new_name: NewName | None = None
) -> Iterator[str]:
    """Each problem of a failed validation of ``model``: its key, and what to write instead.

    Args:
        error: raised by ``model``.
        model: the section that was validated.
        new_name: the present name of a key that had another one, from its path and value.
    """
    for problem in error.errors():
        # pydantic ends the path of a wrong name with "[key]"; tags of a union are "[...]" as well
        path = tuple(str(part) for part in problem["loc"] if not str(part).startswith("["))
        key = ".".join(path) or "config"
        message = problem["msg"].removeprefix("Value error, ")
        misplaced = problem["type"] in ("extra_forbidden", "string_type")
        if misplaced and new_name and (new := new_name(path, problem["input"])):
            yield f"{key} is now {new}"
            continue
        if problem["type"] == "extra_forbidden":
            message = "unknown key" + nearest(path[-1], _keys_at(model, path[:-1]))
        elif isinstance(problem.get("ctx", {}).get("error"), UnknownKey):
            message = f"unknown key{nearest(path[-1], _keys_at(model, path[:-1]))} {message}"
        elif problem["type"] in ("dict_type", "model_type") and problem["input"] is None:
            message = "has no value: write {} for the defaults, or remove the key"
        elif "input" in problem and not isinstance(problem["input"], dict | list):
            given = repr(problem["input"])
            message += f" (it is {given})" if given not in message else ""
        yield f"{key}: {message}"


def nearest(name: str, valid: Iterable[Any]) -> str:
    """'; did you mean ...?' for the valid name nearest to ``name``, else the list of names."""
    names = [str(candidate) for candidate in valid]
    word = name.lower().replace("-", "_")
    found = [known for known in names if word in OTHER_WORDS.get(known, ())]
    if not found:
        lower = {known.lower(): known for known in names}
        found = [lower[near] for near in difflib.get_close_matches(word, lower, n=1, cutoff=0.5)]
    if found:
        return f"; did you mean {' or '.join(map(repr, found))}?"
    return f"; valid: {', '.join(sorted(names))}" if names else ""


def _keys_at(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Names of the keys of the section at ``path``, or of either where it may be one of two."""
    models = [model]
    for part in path:
        models = [
            inner
            for model in models
            for inner in (
                _sections_in(model.model_fields[part].annotation)
                if part in model.model_fields
                else [model]
            )  # a name chosen by the user, such as datasets.<name>
        ]
    return list(dict.fromkeys(key for model in models for key in model.model_fields))


def _sections_in(annotation: Any) -> list[type[BaseModel]]:
    """The section types inside an annotation such as dict[str, Dataset] or Section | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    inside = getattr(annotation, "__args__", ())
    return [found for inner in inside for found in _sections_in(inner)]
