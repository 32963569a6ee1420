"""Opening the models from elsewhere that a study names, before any of its jobs runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from pipeline.artefacts.classes import read_class_names
from pipeline.artefacts.paths import Names, Paths, fill
from pipeline.attribution.ability import lacking
from pipeline.catalogue.methods import METHODS
from pipeline.datasets.readers import class_names
from pipeline.models.given import GivenModel
from pipeline.models.wrapping import open_given
from pipeline.runtime.errors import UserError
from pipeline.study.jobs import Study


class Opened(NamedTuple):
    """What opening a model showed.

    Attributes:
        key: of the config.
        usable: whether the study can use it.
        text: what it is, or what is wrong.
    """

    key: str
    usable: bool
    text: str


def opened(study: Study) -> Iterator[Opened]:
    """Open each model from elsewhere, for each data set that has it, and try its methods."""
    for dataset, architecture, variant in study.models_without_seed():
        if not study.given(architecture):
            continue
        key = f"architectures.{architecture}"
        try:
            model, text = _open(study, dataset, architecture)
        except UserError as error:
            yield Opened(key, False, str(error))
            continue
        side = study.datasets[dataset].images.eval_size
        images = torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(0))
        methods = study.methods_of(dataset, architecture, variant)
        # the user's own methods are checked elsewhere
        problems = lacking(model, [name for name in methods if name in METHODS], images)
        yield from (Opened(key, False, problem) for problem in problems)
        if not problems:
            yield Opened(key, True, text)


def _open(study: Study, dataset: str, architecture: str) -> tuple[GivenModel, str]:
    """A model, tried on an image of the data set's size, and what is known of it."""
    job = study.given_job(dataset, architecture)
    model, note = open_given(job, class_names_of(study, dataset))
    with torch.no_grad():
        model.log_probs(torch.zeros(1, 3, job.stored_size, job.stored_size))
    wanted = model.whole.wanted
    assert wanted is not None  # models of a study have one
    measured = f"{model.outputs} classes"
    if model.num_classes != model.outputs:
        measured += f", of which {model.num_classes} are the data set's"
    side = wanted.side or job.stored_size
    return model, (
        f"{note}; {measured}; images of {side} pixels, mean "
        f"{_three(wanted.mean)}, deviation {_three(wanted.std)}; {_end(model)}."
    )


def class_names_of(study: Study, dataset: str) -> list[str] | None:
    """The classes of a data set, if they are known before a run: as a run has listed them, else
    as its folder says; those of a drawn one are only known when it is drawn.
    """
    listed = Path(fill(Paths(study.results).classes, Names(dataset)))
    if listed.is_file():
        return read_class_names(listed)
    root = study.datasets[dataset].root
    return class_names(root, study.datasets[dataset].records) if root else None


def _three(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.3g}" for value in values)


def _end(model: GivenModel) -> str:
    if model.kind == "cam":
        return "it has class activation maps"
    if model.has_features:
        return f"the Grad-CAM family looks at its layer {model.looked_at!r}"
    return "no layer with a map was found"
