"""Names in a config that refer to nothing in it, each with the nearest one that does."""

from collections.abc import Iterator

from pydantic import ValidationError

from pipeline.catalogue.evaluations import EVALUATIONS
from pipeline.catalogue.methods import METHODS
from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.runtime.validation import nearest, problems_of
from pipeline.settings import Training, TrainJob
from pipeline.settings.models import LIBRARIES
from pipeline.study import searches
from pipeline.study.jobs import Study
from pipeline.study.merging import is_of


def problems(study: Study) -> list[str]:
    """What is wrong with a config whose sections are all valid by themselves, one text each."""
    found = [*_models(study), *_given(study), *_weights(study), *_own_maps(study)]
    found += [*_per_model(study), *_measured(study)]
    found = found or [*_merged(study)]
    found = found or [*_starts(study), *_crops(study)]
    found += searches.problems(study)
    return found or [*searches.invalid_draws(study)]


def _models(study: Study) -> Iterator[str]:
    for name, dataset in study.datasets.items():
        for architecture in dataset.architectures:
            if architecture not in study.architectures:
                yield (
                    f"datasets.{name}.architectures: {architecture!r} is not in architectures"
                    + nearest(architecture, study.architectures)
                )
        for variant, own in dataset.variants.items():
            if "method" not in own and variant not in TRAINING_METHODS:
                yield (
                    f"datasets.{name}.variants.{variant}: give it a `method`, or the name of "
                    f"one{nearest(variant, TRAINING_METHODS)}"
                )


def _given(study: Study) -> Iterator[str]:
    """Methods that no model from elsewhere can do; what a single one cannot, its opening finds."""
    valid = [name for name, entry in METHODS.items() if {"cam", "given"} & {*entry.models}]
    valid += study.methods.functions
    for name in study.architectures:
        given = study.given(name)
        for method in (given and given.methods) or ():
            if method not in valid:
                yield (
                    f"architectures.{name}.methods: a model from elsewhere has no method "
                    f"{method!r}{nearest(method, valid)}"
                )


def _weights(study: Study) -> Iterator[str]:
    models = {"/".join(model) for model in study.models_without_seed() if not study.given(model[1])}
    for key, weights in study.named_weights():
        source = weights.removeprefix("model:")
        if source != weights and source not in models:
            yield (
                f"{key}: the study trains no model {source!r} "
                "(expected model:DATASET/ARCHITECTURE/VARIANT)"
            )


def _merged(study: Study) -> Iterator[str]:
    """Training keys that are valid each in its place, but not together."""
    for model in study.models_without_seed():
        if not study.given(model[1]):
            try:
                study.train_job(*model, study.seeds[0])
            except ValidationError as error:
                yield f"{'/'.join(model)}: {'; '.join(problems_of(error, Training))}"


def _starts(study: Study) -> Iterator[str]:
    """Weights that do not go together with the trunk or with what is asked of them."""
    for model, job in _trainings(study):
        for key in ("head", "frozen_stages"):
            value = getattr(job.training, key)
            if job.weights == "none" and value not in ("scratch", 0):
                yield (
                    f"{'/'.join(model)}: `{key}: {value}` needs weights that the model starts "
                    "from, and it has none. Give `weights`, or leave the key out"
                )
        source, colon, _ = job.trunk.partition(":")
        if job.weights in LIBRARIES and (not colon or source != job.weights):
            yield (
                f"{'/'.join(model)}: `weights: {job.weights}` are what that library publishes for "
                f"its own networks, and the trunk is {job.trunk!r}. Give a file, or the trunk as "
                f"'{job.weights}:NAME'"
            )


def _crops(study: Study) -> Iterator[str]:
    for (dataset, architecture, variant), job in _trainings(study):
        crop, stored = job.training.crop, study.datasets[dataset].images.train_size
        if job.training.epochs and crop > stored:
            yield (
                f"{dataset}/{architecture}/{variant}: `crop: {crop}` is larger than the stored "
                f"training images, `datasets.{dataset}.images.train_size: {stored}`. Lower the "
                "one or raise the other"
            )


def _trainings(study: Study) -> Iterator[tuple[tuple[str, str, str], TrainJob]]:
    """Each model that is trained, and the training of its first seed."""
    for model in study.models_without_seed():
        if not study.given(model[1]):
            yield model, study.train_job(*model, study.seeds[0])


def _own_maps(study: Study) -> Iterator[str]:
    models = _model_names(study)
    for name in study.methods.functions:
        if name in METHODS:
            yield f"methods.{name}: that is the name of a built-in method; give yours another"
    for name, maps in study.own_maps.items():
        if name in METHODS:
            yield f"own_maps.{name}: that is the name of a built-in method; give your maps another"
        if name in study.methods.functions:
            yield f"own_maps.{name}: a method of your own has that name; give your maps another"
        if maps.dataset is not None and maps.dataset not in study.datasets:
            yield (
                f"own_maps.{name}.dataset: the study has no data set {maps.dataset!r}"
                + nearest(maps.dataset, study.datasets)
            )
        if maps.model is not None and maps.model not in models:
            yield (
                f"own_maps.{name}.model: the study trains no model {maps.model!r}"
                + nearest(maps.model, models)
            )


def _measured(study: Study) -> Iterator[str]:
    methods = study.every_method()
    for task in (*EVALUATIONS, "wsol"):
        section = study.evaluation.of(task)
        for method in (section and section.methods) or ():
            if method not in methods:
                yield (
                    f"evaluation.{task}.methods: the study has no method {method!r} in `methods`, "
                    f"`per_model` or `own_maps`{nearest(method, methods)}"
                )
        for pattern in getattr(section, "models", None) or ():
            yield from _without_model(study, f"evaluation.{task}.models", pattern)
    contrast = study.evaluation.of("contrastive_deletion")
    if contrast and contrast.against == "pairs":
        tasks = study.measurements()
        for name in dict.fromkeys(of for task, of, *_ in tasks if task == "contrastive_deletion"):
            dataset = study.datasets[name]
            if not (dataset.cue_localization or dataset.class_pairs):
                yield (
                    f"evaluation.contrastive_deletion: {{against: pairs}}: {name} has no class "
                    f"pairs. Take `against: confused`, or name `datasets.{name}.class_pairs`"
                )


def _per_model(study: Study) -> Iterator[str]:
    for pattern, own in study.per_model.items():
        key = f"per_model.{pattern}"
        yield from _without_model(study, key, pattern)
        for fixed in ("method", "epochs", "weights", "head"):
            if fixed in own.training:
                yield f"{key}.training.{fixed}: make it a variant of its own, in `variants`"
        for model in study.models_without_seed():
            if not is_of(model, pattern) or not _has_method(study, model):
                continue
            kind = study.kind_of(*model)
            kinds = {"cam", "given"} if kind == "given" else {kind}
            valid = [name for name, entry in METHODS.items() if kinds & {*entry.models}]
            valid += study.methods.functions
            if kind == "given" and own.training:
                yield f"{key}.training: {'/'.join(model)} is not trained"
            for method in own.methods:
                if method not in valid:
                    yield (
                        f"{key}.methods: {'/'.join(model)} is a {kind} model, which has no method "
                        f"{method!r}{nearest(method, valid)}"
                    )


def _has_method(study: Study, model: tuple[str, str, str]) -> bool:
    """Whether the config says how a model is trained; if not, that is another problem."""
    if study.given(model[1]):
        return True
    own = study.datasets[model[0]].variants[model[2]]
    return "method" in own or model[2] in TRAINING_METHODS


def _without_model(study: Study, key: str, pattern: str) -> Iterator[str]:
    models = list(study.models_without_seed())
    if not any(is_of(model, pattern) for model in models):
        yield f"{key}: the study has no model {pattern!r}{nearest(pattern, _model_names(study))}"


def _model_names(study: Study) -> set[str]:
    return {"/".join(model) for model in study.models_without_seed()}
