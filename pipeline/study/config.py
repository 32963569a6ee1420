"""The sections of a whole config, as written in config/*.yaml.

Snakemake loads this module in every job, so it imports nothing heavy.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationError, model_validator

from pipeline import settings
from pipeline.runtime.validation import problems_of
from pipeline.settings import Section
from pipeline.settings.base import droppable


def _valid_training_keys(keys: dict[str, Any]) -> dict[str, Any]:
    """Check some training keys by themselves, so that their faults are listed with all others."""
    try:
        training = settings.Training.model_validate({"method": "cam", **keys})
    except ValidationError as error:
        raise ValueError("; ".join(problems_of(error, settings.Training))) from error
    return keys | {"weights": training.weights} if "weights" in keys else keys  # "~" is read


TrainingKeys = Annotated[dict[str, Any], AfterValidator(_valid_training_keys)]


class Dataset(Section):
    """A data set, the models trained on it, and their own settings."""

    root: settings.FilePath | None = Field(None, description="folder of the raw data")
    draw: settings.SynthBirds | None = Field(
        None, description="generate SynthBirds instead of reading `root`"
    )
    records: settings.Records = settings.Records()
    images: settings.Images = settings.Images()
    shards: settings.ShardSource | None = Field(
        None, description="shards that lie elsewhere; null: made from the images"
    )
    cue_localization: bool = Field(
        True, description="measure cue localisation (needs parts, attributes)"
    )
    wsol: bool = Field(True, description="measure localisation (needs boxes or masks)")
    class_pairs: tuple[settings.ClassPair, ...] = Field(
        (),
        description="pairs of classes, each by name or wnid, whose maps and their difference the "
        "figures show first: [[n02088094, n02091831]]. Without `cue_localization` counterfactual "
        "maps are made of just these; with it they must be among the pairs that it finds",
    )
    gaze: settings.FilePath | None = Field(
        None,
        description="where people looked in its images, for `evaluation.gaze`: a CSV file with the "
        "first line image_id,viewer,x,y,duration, or (layout cub) the folder of CUB-GHA "
        "(docs/datasets.md)",
    )
    supersets: settings.Supersets = settings.Supersets()
    architectures: tuple[str, ...] = Field((), description="names from `architectures`")
    variants: dict[settings.Name, TrainingKeys] = Field(
        {},
        json_schema_extra=droppable,
        description="models to train: name -> training keys that differ (method = the name)",
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


class PerModel(Section):
    """What single models have of their own."""

    training: TrainingKeys = Field(
        {},
        description="training keys, over those of the variant; not method, epochs, weights, head",
    )
    methods: tuple[str, ...] = Field(
        (), description="attribution methods, besides those of `methods` for its kind of model"
    )


def _may_extend(schema: dict[str, Any]) -> None:
    """In the JSON schema, a config that extends another needs no key."""
    schema["anyOf"] = [{"required": ["extends"]}, {"required": schema.pop("required")}]


def _kind(keys: Any) -> str:
    """Which of the two sections of `AnyArchitecture` some keys are."""
    if isinstance(keys, dict):
        return "[model]" if "model" in keys else "[trunk]"
    return "[model]" if isinstance(keys, settings.GivenArchitecture) else "[trunk]"


# the tags are a part of the path of a wrong key, and left out of messages by their bracket
AnyArchitecture = Annotated[
    Annotated[settings.Architecture, Tag("[trunk]")]
    | Annotated[settings.GivenArchitecture, Tag("[model]")],
    Discriminator(_kind),
]


class Config(Section, json_schema_extra=_may_extend):
    """A whole study, as written in config/*.yaml."""

    extends: str | None = Field(
        None,
        description="another config file that this one extends, from the folder of this one; "
        "keys given here win",
    )
    title: str = Field("An attribution study", description="heading of the report")
    results: settings.ResultsFolder = Field("results", description="folder for all outputs")
    cpu_threads: settings.Count = Field(
        2,
        description="threads of a training on the CPU, however many --cores there are; their "
        "number changes the order of summation and so the last digits",
    )
    tensorboard: bool = Field(
        False,
        description="write TensorBoard's event files of every training to RESULTS/tensorboard "
        "(needs the package tensorboard; changes no result and retrains nothing)",
    )
    protocol: Literal["corrected", "released"] = Field(
        "corrected",
        description="preset: corrected = the paper's text done soundly; released = the authors' "
        "code",
    )
    seeds: tuple[settings.Seed, ...] = Field(
        (0,), min_length=1, description="each model is trained once per seed"
    )
    architectures: dict[settings.Name, AnyArchitecture] = Field(
        {},
        json_schema_extra=droppable,
        description="name -> trunk and weights, or a whole model from elsewhere",
    )
    datasets: dict[settings.Name, Dataset] = Field(
        min_length=1, json_schema_extra=droppable, description="name -> data set"
    )
    training: TrainingKeys = Field({}, description="training keys for all models")
    search: settings.Search | None = None
    cues: settings.Cues = settings.Cues()
    methods: settings.Methods = settings.Methods()
    own_maps: dict[settings.Name, settings.OwnMaps] = Field(
        {},
        json_schema_extra=droppable,
        description="name -> attribution maps made elsewhere (docs/own_maps.md)",
    )
    per_model: dict[settings.ModelPattern, PerModel] = Field(
        {},
        json_schema_extra=droppable,
        description="DATASET/ARCHITECTURE/VARIANT, in which * stands for any name -> what these "
        "models have of their own; where several fit a model, the later ones win",
    )
    attribution: settings.Attribution = settings.Attribution()
    evaluation: settings.Evaluation = settings.Evaluation()
    report: settings.Report = settings.Report()
    trackers: settings.Trackers = settings.Trackers()
