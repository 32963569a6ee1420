"""Building the models that a study trains, without weights, before any of its jobs runs."""

from collections.abc import Iterator

import torch

from pipeline.artefacts.files import canonical_json
from pipeline.attribution.ability import lacking
from pipeline.catalogue.methods import METHODS
from pipeline.command.given_models import Opened, class_names_of
from pipeline.models.classifier import Classifier, build_classifier
from pipeline.models.describing import described
from pipeline.models.strides import built_without_values
from pipeline.runtime.errors import UserError
from pipeline.settings import Architecture, TrainJob
from pipeline.study.jobs import Study
from pipeline.study.opening import (
    Model,
    is_of_library,
    special_methods,
    started_from_files,
    to_build,
)

# the training keys that decide what a model is made of
_OF_NETWORK = {
    "method",
    "head",
    "crop",
    "dropout",
    "added_batch_norm",
    "convert_input",
    "frozen_stages",
}
CLASSES = 2  # of the models that are built; any number does


def built(study: Study) -> Iterator[Opened]:
    """Build each architecture whose models may be unable to do what the study asks of them.

    Of a library's networks it also says what they are.
    """
    for name, models in to_build(study).items():
        key, architecture = f"architectures.{name}", study.architectures[name]
        assert isinstance(architecture, Architecture)  # others are not trained
        try:
            text = _described(study, architecture, models)
        except UserError as error:
            yield Opened(key, False, str(error))
            continue
        if is_of_library(architecture):
            yield Opened(f"{key}.trunk", True, text)
        for problem in _lacking(study, models):
            yield Opened(key, False, problem)


def fitting(study: Study) -> Iterator[Opened]:
    """Load each file of weights into the models that start from it, one of a kind.

    Heads that the file gives are tried where the classes are known before a run.
    """
    known: dict[str, str] = {}
    reasons: dict[str, list[str]] = {}
    for model in started_from_files(study):
        job, classes = _with_classes(study, model)
        kind = job.training.model_dump(mode="json", include=_OF_NETWORK)
        key = canonical_json([job.model_dump(mode="json", exclude={"training"}), kind, classes])
        if key not in known:
            known[key] = _misfit(job, classes)
        if known[key]:
            reasons.setdefault(known[key], []).append("/".join(model))
    for reason, names in reasons.items():
        yield Opened(", ".join(names), False, reason)


def _with_classes(study: Study, model: Model) -> tuple[TrainJob, int]:
    """The training of a model's first seed and its number of classes.

    Where these are not known yet, heads are not taken from the weights.
    """
    job = study.train_job(*model, study.seeds[0])
    if job.training.head == "scratch":
        return job, CLASSES
    try:
        names = class_names_of(study, model[0])
    except UserError:  # of the data set, which is checked elsewhere
        names = None
    if names is None:
        return job.merged({"training": {"head": "scratch"}}), CLASSES
    return job, len(names)


def _misfit(job: TrainJob, classes: int) -> str:
    """Why a model cannot start from its weights, or ""."""
    try:
        with torch.random.fork_rng(devices=[]):
            build_classifier(job, classes)
    except UserError as error:
        return str(error)
    return ""


def _described(study: Study, architecture: Architecture, models: list[Model]) -> str:
    jobs = {f"{model[0]}/{model[2]}": study.train_job(*model, 0) for model in models}
    stored = {study.datasets[model[0]].images.eval_size for model in models}
    return described(architecture, jobs, stored)


def _lacking(study: Study, models: list[Model]) -> Iterator[str]:
    """What models lack for their methods, each reason once with the models that it is about."""
    known: dict[tuple[str, tuple[str, ...], int], list[str]] = {}
    reasons: dict[str, list[str]] = {}
    for model in models:
        job, methods = study.train_job(*model, 0), special_methods(study, model)
        side = study.datasets[model[0]].images.eval_size
        key = job.model_dump_json(), methods, side
        if methods and key not in known:
            known[key] = _lacking_of(job, methods, side)
        for reason in known.get(key, ()):
            reasons.setdefault(reason, []).append("/".join(model))
    for reason, names in reasons.items():
        yield (
            f"{reason} It is asked of {', '.join(names)}; `per_model` gives a method to some "
            "models alone."
        )


def _lacking_of(job: TrainJob, methods: tuple[str, ...], side: int) -> list[str]:
    """What a model lacks, built without values where no method has to compute a map to find out."""
    images = torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(0))
    if any(METHODS[name].needs == "modules" for name in methods):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return lacking(Classifier(job, CLASSES).eval(), methods, images)
    model = built_without_values(lambda: Classifier(job, CLASSES))
    assert isinstance(model, Classifier)  # what the function gives
    return lacking(model, methods, images.to("meta"))
