"""Files of trainings and searches, and which models a study has."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.artefacts.paths import NOTHING, WITHOUT_MODEL, Names, Paths, fill
from pipeline.runtime.packages import PREFIX, find_in_package
from pipeline.settings import Training
from pipeline.study import searches
from pipeline.study.jobs import Study, params


def names_of(models: Iterable[Sequence[Any]]) -> list[Names]:
    """The names of models, (data set, architecture, variant, seed) each."""
    return [Names(*model) for model in models]


class ModelInputs:
    """The files of a study's trainings and searches."""

    def __init__(self, study: Study, paths: Paths) -> None:
        self._study, self._paths = study, paths

    def first_seed(self, dataset: str) -> int:
        """The seed whose model the figures show."""
        return (self._study.datasets[dataset].seeds or self._study.seeds)[0]

    def trained_variants(self, dataset: str) -> list[str]:
        """The variants of a data set that are trained; the weights of others are given."""
        architectures = self._study.datasets[dataset].architectures
        if all(self._study.given(architecture) for architecture in architectures):
            return []
        return [
            variant
            for variant in self._study.datasets[dataset].variants
            if self._study.training_of(dataset, variant).epochs
        ]

    def is_trained(self, dataset: str) -> bool:
        """Whether any of its models is trained."""
        return bool(self.trained_variants(dataset))

    def is_studied(self, dataset: str) -> bool:
        """Whether maps of it are measured; the models of others only pretrain a trunk."""
        return any(model[0] == dataset for model in self._study.measured())

    def weights(self, names: Any) -> list[str]:
        """The weights of a model; none of maps that belong to no model."""
        alone = names.architecture == WITHOUT_MODEL
        return [] if alone else [fill(self._paths.weights, names)]

    def all(self) -> list[str]:
        """The weights of every model."""
        return [fill(self._paths.weights, names) for names in names_of(self._study.models())]

    def training(self, names: Any) -> Training:
        """The training keys of a model."""
        return self._study.training_of(names.dataset, names.variant, names.architecture)

    def train_section(self, names: Any) -> str:
        """All that decides a model's weights, as canonical JSON."""
        model = names.dataset, names.architecture, names.variant, int(names.seed)
        return params(self._study.train_job(*model))

    def train_shards(self, names: Any) -> list[str]:
        """The training shards, if the model is trained at all."""
        return self._shards(names, "train")

    def val_shards(self, names: Any) -> list[str]:
        """The val shards, if the model is trained at all."""
        return self._shards(names, "val")

    def _shards(self, names: Any, split: str) -> list[str]:
        trains = self.training(names).epochs
        return [fill(self._paths.shards, names, split=split)] if trains else []

    def weights_to_start_from(self, names: Any) -> list[str]:
        """The file behind a model's `weights`: a model of this study, a given file, or nothing."""
        # a draw of a search has no seed of its own: it trains with the first
        seed = int(getattr(names, "seed", None) or self.first_seed(names.dataset))
        job = self._study.train_job(names.dataset, names.architecture, names.variant, seed)
        weights = job.weights
        if weights.startswith("model:"):
            dataset, architecture, variant = weights.removeprefix("model:").split("/")
            seeds = self._study.seeds_of(dataset, architecture)
            source = Names(dataset, architecture, variant, seed if seed in seeds else seeds[0])
            return [fill(self._paths.weights, source)]
        if weights.startswith(PREFIX):
            file = find_in_package(weights)
            return [os.path.relpath(file)] if file else []  # a job may have another environment
        return [weights] if os.path.exists(weights) else []

    def architectures(self) -> str:
        """The architectures, and what stands for one in maps without a model, as a pattern."""
        alone = (model[1] for model in self._study.maps_alone()[:1])
        return "|".join([*self._study.architectures, *alone])

    def variants(self) -> str:
        """The variants of all models and of maps that belong to none, as a pattern."""
        found = {variant for *_, variant in self._study.models_without_seed()}
        return "|".join(sorted(found | {variant for *_, variant, _ in self._study.maps_alone()}))

    def given(self) -> str:
        """The architectures that are models from elsewhere, as a pattern."""
        return "|".join(name for name in self._study.architectures if self._study.given(name)) or (
            NOTHING
        )

    def trained(self) -> str:
        """The architectures that are trained, as a pattern."""
        return "|".join(
            name for name in self._study.architectures if not self._study.given(name)
        ) or (NOTHING)

    def given_section(self, names: Any) -> str:
        """All that decides a model from elsewhere besides its files, as canonical JSON."""
        return params(self._study.given_job(names.dataset, names.architecture))

    def given_files(self, names: Any) -> list[str]:
        """The files that decide a model from elsewhere: weights, classes, code.

        A missing one is the stage's to explain.
        """
        given = self._study.given(names.architecture)
        assert given is not None  # the rule is of these alone
        weights = given.weights or ""
        file = find_in_package(weights) if weights.startswith(PREFIX) else None
        return given.files + ([os.path.relpath(file)] if file else [])

    def is_kept(self, names: Any) -> bool:
        """Whether a model from elsewhere is kept in the results, as its files now are."""
        kept = fill(self._paths.weights, names)
        if not os.path.exists(kept):
            return False
        files = self.given_files(names)
        return all(os.path.getmtime(file) <= os.path.getmtime(kept) for file in files)

    def found_keys(self, names: Any) -> list[str]:
        """The training keys that a model's search found, if it is searched."""
        searched = searches.is_searched(
            self._study, names.dataset, names.architecture, names.variant
        )
        return [fill(self._paths.best, names)] if searched else []

    def searched(self) -> list[Names]:
        """The models whose training keys are searched."""
        return [Names(*model) for model in searches.searched_models(self._study)]

    def draws(self, names: Any) -> list[str]:
        """All draws of a model's search."""
        search = self._study.search
        return [fill(self._paths.draw, names, draw=n) for n in range(search.draws if search else 0)]

    def draw_section(self, names: Any) -> str:
        """All that decides a draw, as canonical JSON."""
        model = names.dataset, names.architecture, names.variant
        return params(searches.draw_job(self._study, *model, int(names.draw)))
