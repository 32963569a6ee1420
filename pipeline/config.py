"""The config of a study: defaults, presets, validation, and the section of each job.

`load` reads YAML, puts the protocol's preset under it and validates it; `Study` then answers
what each job needs. Snakemake loads this module in every job, so it imports nothing heavy.
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from pipeline import settings
from pipeline.errors import UserError
from pipeline.files import canonical_json
from pipeline.settings import Section

# What the authors' code does where it departs from the paper (docs/protocols.md). Each item is
# also a key of its own, and a key in the config wins over the preset.
PRESETS: dict[str, dict[str, Any]] = {
    "corrected": {},
    "released": {
        "training": {"location": "relu", "detach_normaliser": True},
        "cues": {"truncate_keypoints": True},
        "evaluation": {
            "cues": {
                "thresholds": "released",
                "pooling": "cumulative",
                "normalisations": ["minmax", "raw"],
            }
        },
    },
}


def _valid_training_keys(keys: dict[str, Any]) -> dict[str, Any]:
    """Check some training keys by themselves, so that their faults are listed with all others."""
    try:
        settings.Training.model_validate({"method": "cam", **keys})
    except ValidationError as error:
        raise ValueError("; ".join(_problems(error, settings.Training))) from error
    return keys


TrainingKeys = Annotated[dict[str, Any], AfterValidator(_valid_training_keys)]


class Dataset(Section):
    """A data set, the models trained on it and what is special about them."""

    root: str | None = Field(None, description="folder of the raw data")
    draw: settings.SynthBirds | None = Field(None, description="draw SynthBirds instead")
    records: settings.Records = settings.Records()
    images: settings.Images = settings.Images()
    cues: bool = Field(True, description="measure cue localisation (needs parts, attributes)")
    supersets: settings.Supersets = settings.Supersets()
    architectures: tuple[str, ...] = Field((), description="names from `architectures`")
    variants: dict[str, TrainingKeys] = Field(
        {}, description="models to train: name -> training keys that differ (method = the name)"
    )
    training: TrainingKeys = Field({}, description="training keys for all its variants")
    seeds: tuple[settings.Seed, ...] | None = Field(
        None, description="instead of the study's seeds"
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Dataset":
        if (self.root is None) == (self.draw is None):
            raise ValueError("give exactly one of `root` (a folder) and `draw` (SynthBirds)")
        return self


class Study(Section):
    """A whole study, as written in config/*.yaml."""

    title: str = Field("An attribution study", description="heading of the report")
    results: str = Field("results", description="folder for everything that is made")
    protocol: Literal["corrected", "released"] = Field(
        "corrected", description="preset: the paper's text done soundly, or the authors' code"
    )
    seeds: tuple[settings.Seed, ...] = Field((0,), min_length=1, description="one model a seed")
    architectures: dict[str, settings.Trunk] = Field(description="name -> trunk and weights")
    datasets: dict[str, Dataset] = Field(min_length=1, description="name -> data set")
    training: TrainingKeys = Field({}, description="training keys for all models")
    cues: settings.Cues = settings.Cues()
    methods: settings.Methods = settings.Methods()
    evaluation: settings.Evaluation = settings.Evaluation()
    report: settings.Report = settings.Report()

    @model_validator(mode="after")
    def _consistent(self) -> "Study":
        problems = []
        for name, dataset in self.datasets.items():
            for architecture in dataset.architectures:
                if architecture not in self.architectures:
                    problems.append(
                        f"datasets.{name}.architectures: {architecture!r} is not in architectures"
                        + nearest(architecture, self.architectures)
                    )
            for variant, own in dataset.variants.items():
                if "method" not in own and variant not in _TRAINING_METHODS:
                    problems.append(
                        f"datasets.{name}.variants.{variant}: give it a `method`, or the name of "
                        f"one{nearest(variant, _TRAINING_METHODS)}"
                    )
        for name, architecture in self.architectures.items():
            source = architecture.weights.removeprefix("model:")
            if source != architecture.weights and tuple(source.split("/")) not in set(
                self._models_without_seed()
            ):
                problems.append(
                    f"architectures.{name}.weights: the study trains no model {source!r} "
                    "(expected model:DATASET/ARCHITECTURE/VARIANT)"
                )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _models_without_seed(self) -> Iterator[tuple[str, str, str]]:
        for name, dataset in self.datasets.items():
            for architecture in dataset.architectures:
                for variant in dataset.variants:
                    yield name, architecture, variant

    def models(self) -> list[tuple[str, str, str, int]]:
        """Every model to train: (dataset, architecture, variant, seed)."""
        return [
            (name, architecture, variant, seed)
            for name, architecture, variant in self._models_without_seed()
            for seed in self.datasets[name].seeds or self.seeds
        ]

    def studied_models(self) -> list[tuple[str, str, str, int]]:
        """The models whose maps are measured: all but those that only pretrain a trunk."""
        return [model for model in self.models() if self.methods_of(model[0], model[2])]

    def training_of(self, dataset: str, variant: str) -> settings.Training:
        """Training keys of a variant: the study's, then the data set's, then its own."""
        own = self.datasets[dataset].variants[variant]
        keys = {"method": variant} if variant in _TRAINING_METHODS else {}
        return settings.Training.model_validate(
            {**keys, **self.training, **self.datasets[dataset].training, **own}
        )

    def train_job(self, dataset: str, architecture: str, variant: str, seed: int) -> Section:
        """Everything that decides the weights of one model."""
        trunk = self.architectures[architecture]
        return settings.TrainJob(
            trunk=trunk.trunk,
            weights=trunk.weights,
            seed=seed,
            training=self.training_of(dataset, variant),
        )

    def methods_of(self, dataset: str, variant: str) -> tuple[str, ...]:
        """Attribution methods of a variant; none for pretraining."""
        method = self.training_of(dataset, variant).method
        if method == "attributes":
            return ()
        return self.methods.cam if method == "cam" else self.methods.calm


_TRAINING_METHODS = settings.Training.model_fields["method"].annotation.__args__


def params(section: BaseModel) -> str:
    """Canonical JSON of a section: what a Snakemake job carries as its parameters."""
    return canonical_json(section.model_dump(mode="json"))


def load(raw: str | Path | Mapping[str, Any]) -> Study:
    """Read and validate a config (a YAML file, or what Snakemake read from it).

    Raises:
        UserError: the file is missing or no YAML, or keys are unknown or wrong; the message lists
            every problem, with the nearest valid name.
    """
    if isinstance(raw, str | Path):
        try:
            raw = yaml.safe_load(Path(raw).read_text())
        except OSError as error:
            raise UserError(f"Cannot read the config {raw}: {error.strerror}.") from error
        except yaml.YAMLError as error:
            raise UserError(f"The config {raw} is not valid YAML: {error}") from error
    if not isinstance(raw, Mapping):
        raise UserError("The config is empty: start from config/config.yaml.")
    preset = PRESETS.get(str(raw.get("protocol", "corrected")), {})
    try:
        return Study.model_validate(_merge(preset, raw))
    except ValidationError as error:
        raise UserError(explain_validation(error, Study)) from error


def explain_validation(error: ValidationError, model: type[BaseModel]) -> str:
    """All problems of a failed validation in one text, each with its key and its cure."""
    lines = list(_problems(error, model))
    return f"{len(lines)} problem(s) in the config:\n  " + "\n  ".join(lines)


def _problems(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    for problem in error.errors():
        path = [str(part) for part in problem["loc"]]
        key = ".".join(path) or "config"
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key" + nearest(path[-1], _keys_at(model, path[:-1]))
        elif "input" in problem and not isinstance(problem["input"], dict | list):
            message += f" (it is {problem['input']!r})"
        yield f"{key}: {message}"


def nearest(name: str, valid: Any) -> str:
    """' (did you mean ...?)' for the valid name nearest to ``name``, else the list of names."""
    names = [str(candidate) for candidate in valid]
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if found:
        return f"; did you mean {found[0]!r}?"
    return f"; valid: {', '.join(sorted(names))}" if names else ""


def _keys_at(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the keys of the section at ``path``."""
    for part in path:
        inner = (
            _section_in(model.model_fields[part].annotation)
            if part in model.model_fields
            else model
        )  # a name chosen by the user, such as datasets.<name>
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section type inside an annotation such as dict[str, Trunk] or Section | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _section_in(inner):
            return found
    return None


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings merged key by key; ``over`` wins."""
    merged = dict(under)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
