"""Building the models that a study trains, without weights, before any of its jobs runs."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from pipeline.attribution.ability import lacking
from pipeline.catalogue.methods import METHODS
from pipeline.command.given_models import Opened, known_classes
from pipeline.models.classifier import Classifier, load_start
from pipeline.models.describing import described
from pipeline.models.strides import built_without_values
from pipeline.runtime.errors import UserError
from pipeline.settings import Architecture, TrainJob
from pipeline.study.jobs import Study
from pipeline.study.opening import Model, is_of_library, special_methods, starts_from_file, to_build

CLASSES = 2  # of the models that are built, where any number does


def built(study: Study) -> Iterator[Opened]:
    """Build each architecture whose models may be unable to do what the study asks of them.

    Of a library's networks it also says what they are. Files of weights are opened and compared
    with the networks that they are for.
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
        for problem in _unfit(study, models):
            yield Opened(f"{key}.weights", False, problem.removeprefix("weights: "))


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


def _unfit(study: Study, models: list[Model]) -> Iterator[str]:
    """What is wrong with the files of weights that models start from, each reason once."""
    known: dict[str, str] = {}
    for model in models:
        job = study.train_job(*model, 0)
        if not starts_from_file(job):
            continue
        key = job.model_dump_json() + (model[0] if job.training.head != "scratch" else "")
        if key not in known:
            known[key] = _unfit_of(job, study, model[0])
    yield from dict.fromkeys(filter(None, known.values()))


def _unfit_of(job: TrainJob, study: Study, dataset: str) -> str:
    """What is wrong with a job's weights, put into a model without values; empty if they fit."""
    try:
        names = known_classes(study, dataset) if job.training.head != "scratch" else None
        if names is None:  # the heads, if they are to be in the file, cannot be compared yet
            job = job.merged({"training": {"head": "scratch"}})
        outputs = CLASSES if names is None else len(names)
        model = built_without_values(lambda: Classifier(job, outputs))
        assert isinstance(model, Classifier)  # what the function gives
        with warnings.catch_warnings():  # PyTorch says that nothing is copied
            warnings.filterwarnings("ignore", message=".* no-op")
            load_start(model, Path(job.weights) if os.path.isfile(job.weights) else None)
    except UserError as error:
        return str(error)
    return ""
