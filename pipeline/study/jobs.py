"""What each job of a study needs: its models, their methods, and the section of each job."""

from collections.abc import Callable, Iterator
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import BaseModel

from pipeline import settings
from pipeline.artefacts.files import canonical_json
from pipeline.artefacts.paths import OWN_MAPS, WITHOUT_MODEL
from pipeline.catalogue.evaluations import EVALUATIONS
from pipeline.catalogue.methods import METHODS, OWN_FUNCTION, Entry, sections_of
from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.study.config import Config, PerModel
from pipeline.study.merging import is_of, merge

_Names = ParamSpec("_Names")
_Result = TypeVar("_Result")
_Method = Callable[Concatenate["Study", _Names], _Result]


def _kept(compute: _Method[_Names, _Result]) -> _Method[_Names, _Result]:
    """A method whose results are kept: a study does not change, and thousands of jobs ask it."""

    @wraps(compute)
    def result(study: "Study", *names: _Names.args, **more: _Names.kwargs) -> _Result:
        key = (compute.__name__, *names, *more.items())
        if key not in study._results:
            study._results[key] = compute(study, *names, **more)
        return study._results[key]

    return result


class Study(Config):
    """A config that says which jobs it asks for, and what decides each of them."""

    @cached_property
    def _results(self) -> dict[Any, Any]:
        return {}

    def __copy__(self) -> "Study":
        copied = super().__copy__()
        copied.__dict__.pop("_results", None)  # it may be about to differ
        return copied

    def models_without_seed(self) -> Iterator[tuple[str, str, str]]:
        """The models, whatever their seeds: (dataset, architecture, variant)."""
        for name, dataset in self.datasets.items():
            for architecture in dataset.architectures:
                for variant in self.variants_of(name, architecture):
                    yield name, architecture, variant

    def given(self, architecture: str) -> settings.GivenArchitecture | None:
        """The section of a model from elsewhere; None of an architecture that is trained."""
        section = self.architectures.get(architecture)
        return section if isinstance(section, settings.GivenArchitecture) else None

    def variants_of(self, dataset: str, architecture: str) -> list[str]:
        """The variants of an architecture; a model from elsewhere is one by itself, of its name."""
        return [architecture] if self.given(architecture) else [*self.datasets[dataset].variants]

    def named_weights(self) -> Iterator[tuple[str, str]]:
        """Every key that names weights of a model of the study, and what it says."""
        used = {name for dataset in self.datasets.values() for name in dataset.architectures}
        for name, architecture in self.architectures.items():
            if name in used and not self.given(name):
                yield f"architectures.{name}.weights", architecture.weights or "none"
        trainings = {"training": self.training}
        for name, dataset in self.datasets.items():
            trainings[f"datasets.{name}.training"] = dataset.training
            for variant, own in dataset.variants.items():
                trainings[f"datasets.{name}.variants.{variant}"] = own
        for key, training in trainings.items():
            if weights := training.get("weights"):
                yield f"{key}.weights", weights

    def models(self) -> list[tuple[str, str, str, int]]:
        """Every model: (dataset, architecture, variant, seed); a given one has the first seed."""
        return [
            (name, architecture, variant, seed)
            for name, architecture, variant in self.models_without_seed()
            for seed in self.seeds_of(name, architecture)
        ]

    def seeds_of(self, dataset: str, architecture: str) -> tuple[int, ...]:
        """The seeds of an architecture's models on a data set."""
        seeds = self.datasets[dataset].seeds or self.seeds
        return seeds[:1] if self.given(architecture) else seeds

    def given_job(self, dataset: str, architecture: str) -> settings.GivenJob:
        """Everything that decides a model from elsewhere, besides its files."""
        given = self.given(architecture)
        assert given is not None  # the caller asked
        seed = self.seeds_of(dataset, architecture)[0]
        stored = self.datasets[dataset].images.eval_size
        return settings.GivenJob(**given.job_keys, stored_size=stored, seed=seed)

    def studied_models(self) -> list[tuple[str, str, str, int]]:
        """The models whose maps are measured: all but those that only pretrain a trunk."""
        return [model for model in self.models() if self.methods_of(*model[:3])]

    def maps_alone(self) -> list[tuple[str, str, str, int]]:
        """The user's own maps that belong to no model, named as a model of each data set."""
        datasets = dict.fromkeys(maps.dataset for maps in self.own_maps.values() if maps.dataset)
        return [(name, WITHOUT_MODEL, OWN_MAPS, 0) for name in datasets]

    def measured(self) -> list[tuple[str, str, str, int]]:
        """What has maps that are measured: the studied models, and maps that belong to none."""
        return [*self.studied_models(), *self.maps_alone()]

    def own_of(self, dataset: str, architecture: str, variant: str) -> list[PerModel]:
        """What a model has of its own, the later ones winning."""
        model = dataset, architecture, variant
        return [own for pattern, own in self.per_model.items() if is_of(model, pattern)]

    @_kept
    def training_of(
        self, dataset: str, variant: str, architecture: str | None = None
    ) -> settings.Training:
        """Training keys of a variant: the study's, then the data set's, then its own.

        With an architecture they are those of a model: what it has of its own comes last.
        """
        own = self.datasets[dataset].variants[variant]
        keys: dict[str, Any] = {"method": variant} if variant in TRAINING_METHODS else {}
        of_model = self.own_of(dataset, architecture, variant) if architecture else ()
        more = (each.training for each in of_model)
        for further in (self.training, self.datasets[dataset].training, own, *more):
            keys = merge(keys, further)
        return settings.Training.model_validate(keys)

    @_kept
    def train_job(
        self, dataset: str, architecture: str, variant: str, seed: int
    ) -> settings.TrainJob:
        """Everything that decides the weights of one model."""
        trunk = self.architectures[architecture]
        assert isinstance(trunk, settings.Architecture)  # others are not trained
        training = self.training_of(dataset, variant, architecture)
        return settings.TrainJob(
            trunk=trunk.trunk,
            map_size=trunk.cells,
            dilation=trunk.dilation,
            weights=training.weights or trunk.weights,
            seed=seed,
            training=training.model_copy(update={"weights": None}),
        )

    @_kept
    def methods_of(self, dataset: str, architecture: str, variant: str) -> tuple[str, ...]:
        """Attribution methods of a model, its own maps last; none for pretraining."""
        if architecture == WITHOUT_MODEL:
            return tuple(name for name, maps in self.own_maps.items() if maps.dataset == dataset)
        kind = self.kind_of(dataset, architecture, variant)
        if kind == "attributes":
            return ()
        given = self.given(architecture)
        if given and given.methods is not None:
            methods = given.methods
        else:
            methods = self.methods.calm if kind == "calm" else self.methods.cam
        model = f"{dataset}/{architecture}/{variant}"
        own = (name for name, maps in self.own_maps.items() if maps.model == model)
        further = (
            name for each in self.own_of(dataset, architecture, variant) for name in each.methods
        )
        everywhere = (name for name in self.methods.functions if name not in self._listed())
        return tuple(dict.fromkeys((*methods, *everywhere, *further, *own)))

    def kind_of(self, dataset: str, architecture: str, variant: str) -> str:
        """What a model's maps are: cam, calm or attributes; of one from elsewhere, given."""
        if self.given(architecture):
            return "given"
        return TRAINING_METHODS[self.training_of(dataset, variant, architecture).method].kind

    def _listed(self) -> set[str]:
        """The methods that a list names."""
        of_models = (name for own in self.per_model.values() for name in own.methods)
        of_given = (
            name
            for architecture in self.architectures
            if (given := self.given(architecture))
            for name in given.methods or ()
        )
        return {*self.methods.cam, *self.methods.calm, *of_models, *of_given}

    def every_method(self) -> set[str]:
        """The attribution methods of all models, the user's own maps and functions among them."""
        return {*self._listed(), *self.methods.functions, *self.own_maps}

    def entry(self, method: str) -> Entry | None:
        """What is known of a method; None of maps that were made elsewhere."""
        return OWN_FUNCTION if method in self.methods.functions else METHODS.get(method)

    def method_options(self, method: str) -> dict[str, Any]:
        """The options that an attribution method uses, as JSON; none for a user's own maps."""
        if function := self.methods.functions.get(method):
            return {"functions": {method: function}}
        used = sections_of(method) if method in METHODS else ()
        options = self.attribution.model_dump(mode="json", include=set(used))
        return options if used else {}

    def task_section(self, task: str) -> dict[str, Any]:
        """The section of an evaluation, without what it measures; {} if it is not run."""
        section = self.evaluation.of(task)
        return section.model_dump(mode="json", exclude={"methods", "models"}) if section else {}

    @_kept
    def measurements(self) -> tuple[tuple[str, str, str, str, int, str], ...]:
        """Every evaluation of single maps: (task, dataset, architecture, variant, seed, method)."""
        return tuple(self._measurements())

    def _measurements(self) -> Iterator[tuple[str, str, str, str, int, str]]:
        for task, entry in EVALUATIONS.items():
            section = self.evaluation.of(task)
            if section is None:
                continue
            for model in self.measured():
                if entry.asks_model and model[1] == WITHOUT_MODEL:
                    continue
                patterns = section.models
                if patterns is not None and not any(is_of(model[:3], each) for each in patterns):
                    continue
                for method in self.methods_of(*model[:3]):
                    chosen = section.methods is None or method in section.methods
                    if chosen and entry.measures(self.entry(method)):
                        yield (task, *model, method)


def params(section: BaseModel) -> str:
    """Canonical JSON of a section: what a Snakemake job carries as its parameters."""
    return canonical_json(section.model_dump(mode="json"))
