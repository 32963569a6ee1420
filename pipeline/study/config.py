"""The config of a study: defaults, presets, validation, and the section of each job.

`load` reads YAML, puts the protocol's preset under it and validates it; `Study` then answers
what each job needs. Snakemake loads this module in every job, so it imports nothing heavy.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from pipeline import settings
from pipeline.artefacts.files import canonical_json
from pipeline.catalogue.evaluations import TASKS
from pipeline.catalogue.methods import METHODS
from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import explain_validation, nearest, problems_of
from pipeline.settings import Section
from pipeline.study import searches as search_plan

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
        raise ValueError("; ".join(problems_of(error, settings.Training))) from error
    return keys


TrainingKeys = Annotated[dict[str, Any], AfterValidator(_valid_training_keys)]


class Dataset(Section):
    """A data set, the models trained on it and what is special about them."""

    root: str | None = Field(None, description="folder of the raw data")
    draw: settings.SynthBirds | None = Field(None, description="draw SynthBirds instead")
    records: settings.Records = settings.Records()
    images: settings.Images = settings.Images()
    cues: bool = Field(True, description="measure cue localisation (needs parts, attributes)")
    wsol: bool = Field(True, description="measure localisation (needs boxes or masks)")
    supersets: settings.Supersets = settings.Supersets()
    architectures: tuple[str, ...] = Field((), description="names from `architectures`")
    variants: dict[settings.Name, TrainingKeys] = Field(
        {}, description="models to train: name -> training keys that differ (method = the name)"
    )
    training: TrainingKeys = Field({}, description="training keys for all its variants")
    seeds: tuple[settings.Seed, ...] | None = Field(
        None, description="instead of the study's seeds"
    )
    map_chunks: settings.Count = Field(
        1,
        description="jobs that share the images of one model and method (docs/scale.md)",
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Dataset":
        if (self.root is None) == (self.draw is None):
            raise ValueError("give exactly one of `root` (a folder) and `draw` (SynthBirds)")
        return self


def _may_extend(schema: dict[str, Any]) -> None:
    """In the JSON schema, a config that extends another needs no key."""
    schema["anyOf"] = [{"required": ["extends"]}, {"required": schema.pop("required")}]


class Study(Section, json_schema_extra=_may_extend):
    """A whole study, as written in config/*.yaml."""

    extends: str | None = Field(
        None, description="another config file that lies under this one; keys given here win"
    )
    title: str = Field("An attribution study", description="heading of the report")
    results: str = Field("results", description="folder for everything that is made")
    cpu_threads: settings.Count = Field(
        2,
        description="threads of a training on the CPU, however many --cores there are: sums are "
        "split among them, so that their number decides the last digits",
    )
    tensorboard: bool = Field(
        False,
        description="write TensorBoard's event files of every training to RESULTS/tensorboard "
        "(needs the package tensorboard; changes no result and retrains nothing)",
    )
    protocol: Literal["corrected", "released"] = Field(
        "corrected", description="preset: the paper's text done soundly, or the authors' code"
    )
    seeds: tuple[settings.Seed, ...] = Field((0,), min_length=1, description="one model a seed")
    architectures: dict[settings.Name, settings.Trunk] = Field(
        description="name -> trunk and weights"
    )
    datasets: dict[settings.Name, Dataset] = Field(min_length=1, description="name -> data set")
    training: TrainingKeys = Field({}, description="training keys for all models")
    search: settings.Search | None = None
    cues: settings.Cues = settings.Cues()
    methods: settings.Methods = settings.Methods()
    attribution: settings.Attribution = settings.Attribution()
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
        models = {"/".join(model) for model in self._models_without_seed()}
        for key, weights in self.named_weights():
            source = weights.removeprefix("model:")
            if source != weights and source not in models:
                problems.append(
                    f"{key}: the study trains no model {source!r} "
                    "(expected model:DATASET/ARCHITECTURE/VARIANT)"
                )
        for name, maps in self.methods.own.items():
            if maps.model not in models:
                problems.append(
                    f"methods.{name}.model: the study trains no model {maps.model!r}"
                    + nearest(maps.model, models)
                )
        methods = {*self.methods.cam, *self.methods.calm, *self.methods.own}
        for task in TASKS:
            section = getattr(self.evaluation, task)
            for method in (section and section.methods) or ():
                if method not in methods:
                    problems.append(
                        f"evaluation.{task}.methods: the study has no method {method!r} in "
                        f"`methods`{nearest(method, methods)}"
                    )
        problems += search_plan.problems(self)
        problems = problems or [*search_plan.invalid_draws(self)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _models_without_seed(self) -> Iterator[tuple[str, str, str]]:
        for name, dataset in self.datasets.items():
            for architecture in dataset.architectures:
                for variant in dataset.variants:
                    yield name, architecture, variant

    def named_weights(self) -> Iterator[tuple[str, str]]:
        """Every key that names weights, and what it says."""
        for name, architecture in self.architectures.items():
            yield f"architectures.{name}.weights", architecture.weights
        for name, dataset in self.datasets.items():
            for variant, own in dataset.variants.items():
                if weights := own.get("weights"):
                    yield f"datasets.{name}.variants.{variant}.weights", weights

    def models(self) -> list[tuple[str, str, str, int]]:
        """Every model to train: (dataset, architecture, variant, seed)."""
        return [
            (name, architecture, variant, seed)
            for name, architecture, variant in self._models_without_seed()
            for seed in self.datasets[name].seeds or self.seeds
        ]

    def studied_models(self) -> list[tuple[str, str, str, int]]:
        """The models whose maps are measured: all but those that only pretrain a trunk."""
        return [model for model in self.models() if self.methods_of(*model[:3])]

    def training_of(self, dataset: str, variant: str) -> settings.Training:
        """Training keys of a variant: the study's, then the data set's, then its own."""
        own = self.datasets[dataset].variants[variant]
        keys: dict[str, Any] = {"method": variant} if variant in _TRAINING_METHODS else {}
        for more in (self.training, self.datasets[dataset].training, own):
            keys = _merge(keys, more)
        return settings.Training.model_validate(keys)

    def train_job(
        self, dataset: str, architecture: str, variant: str, seed: int
    ) -> settings.TrainJob:
        """Everything that decides the weights of one model."""
        trunk = self.architectures[architecture]
        training = self.training_of(dataset, variant)
        return settings.TrainJob(
            trunk=trunk.trunk,
            map_size=trunk.map_size,
            weights=training.weights or trunk.weights,
            seed=seed,
            training=training.model_copy(update={"weights": None}),
        )

    def methods_of(self, dataset: str, architecture: str, variant: str) -> tuple[str, ...]:
        """Attribution methods of a model, its own maps last; none for pretraining."""
        method = self.training_of(dataset, variant).method
        if method == "attributes":
            return ()
        model = f"{dataset}/{architecture}/{variant}"
        own = (name for name, maps in self.methods.own.items() if maps.model == model)
        return (*(self.methods.calm if method.startswith("calm") else self.methods.cam), *own)

    def method_options(self, method: str) -> dict[str, Any]:
        """The options that an attribution method uses, as JSON; none for a user's own maps."""
        used = METHODS[method].options if method in METHODS else ()
        options = self.attribution.model_dump(mode="json", include=set(used))
        return options if used else {}

    def task_section(self, task: str) -> dict[str, Any]:
        """The section of an evaluation of single maps, without its methods; {} if it is not run."""
        section = getattr(self.evaluation, task)
        return section.model_dump(mode="json", exclude={"methods"}) if section else {}

    def measurements(self) -> Iterator[tuple[str, str, str, str, int, str]]:
        """Every evaluation of single maps: (task, dataset, architecture, variant, seed, method)."""
        for task, entry in TASKS.items():
            section = getattr(self.evaluation, task)
            if section is None:
                continue
            for model in self.studied_models():
                for method in self.methods_of(*model[:3]):
                    chosen = section.methods is None or method in section.methods
                    if chosen and entry.measures(method):
                        yield (task, *model, method)


_TRAINING_METHODS = get_args(settings.Training.model_fields["method"].annotation)


def params(section: BaseModel) -> str:
    """Canonical JSON of a section: what a Snakemake job carries as its parameters."""
    return canonical_json(section.model_dump(mode="json"))


def load(raw: str | Path | Mapping[str, Any]) -> Study:
    """Read and validate a config (a YAML file, or what Snakemake read from it).

    Raises:
        UserError: the file is missing or no YAML, or keys are unknown or wrong; the message lists
            every problem, with the nearest valid name.
    """
    keys = _with_base(_read(raw) if isinstance(raw, str | Path) else raw)
    preset = PRESETS.get(str(keys.get("protocol", "corrected")), {})
    try:
        return Study.model_validate(_merge(preset, keys))
    except ValidationError as error:
        raise UserError(explain_validation(error, Study)) from error


def _read(path: str | Path) -> Any:
    """A YAML file."""
    try:
        return yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise UserError(f"Cannot read the config {path}: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise UserError(f"The config {path} is not valid YAML: {error}") from error


def _with_base(keys: Any, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """The keys of a config over those of the config that it extends, which may extend another."""
    if not isinstance(keys, Mapping):
        raise UserError("The config is empty: start from config/config.yaml.")
    base = keys.get("extends")
    if not isinstance(base, str):
        return dict(keys)
    if base in above:
        raise UserError(f"extends: {base} extends itself. Drop the key in one of the configs.")
    return _merge(_with_base(_read(base), (*above, base)), keys)


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings merged key by key; ``over`` wins."""
    merged = dict(under)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
