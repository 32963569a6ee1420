"""Sections of models from elsewhere, which are explained and measured as they are."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from pipeline.runtime.functions import is_function_name, source_files
from pipeline.settings.base import Count, FilePath, Positive, Section, Seed
from pipeline.settings.models import LIBRARIES

Colour = tuple[float, float, float]
FILES = (".pth", ".pt", ".ckpt", ".safetensors", ".bin", ".tar")  # of weights, by their suffix


def _model(spec: str) -> str:
    """Check the form of a model's name; what it stands for is found when it is opened."""
    source, _, name = spec.partition(":")
    of_library = source in LIBRARIES and name
    if not (of_library or is_function_name(spec) or Path(spec).suffix in FILES):
        raise ValueError(
            f"{spec!r} is no model: write timm:NAME, torchvision:NAME, package.module:callable, "
            f"which returns an nn.Module, or a file of weights ({', '.join(FILES)})"
        )
    return os.path.expanduser(spec)


class GivenArchitecture(Section):
    """A whole classifier that was trained elsewhere: explained and measured, not trained."""

    model: Annotated[str, AfterValidator(_model)] = Field(
        description="timm:NAME, torchvision:NAME, or package.module:callable, which returns an "
        "nn.Module, images -> logits; or a file of weights, whose network is recognised "
        "(docs/own_models.md)"
    )
    weights: FilePath | None = Field(
        None,
        description="a file of weights as it is (state dict, checkpoint, Lightning, safetensors); "
        "'package:PACKAGE/PATH'; 'timm' or 'torchvision', the library's own, or "
        "'torchvision:NAME' (downloads); none: as the network is drawn. Null: a callable brings "
        "its own, another model needs this key",
    )
    classes: FilePath | tuple[str, ...] | None = Field(
        None,
        description="names of the classes that the network knows, in the order of its outputs: a "
        "list; a file (docs/own_models.md); or imagenet. Null: those of the data set",
    )
    layer: str | None = Field(
        None,
        description="module at which the Grad-CAM family looks; null: before the pooling, or the "
        "last with a map",
    )
    methods: tuple[str, ...] | None = Field(
        None, description="attribution methods for this model; null: `methods.cam` of the study"
    )
    size: Count | None = Field(
        None,
        description="side of the images that the network takes, pixels; null: as its library says, "
        "else as the study stores them",
    )
    mean: Colour | None = Field(
        None,
        description="of its normalisation, for red, green and blue in [0, 1]; null: as its library "
        "says, else ImageNet's",
    )
    std: tuple[Positive, Positive, Positive] | None = Field(
        None, description="standard deviation, as `mean`"
    )

    @model_validator(mode="before")
    @classmethod
    def _no_trunk(cls, keys: Any) -> Any:
        if isinstance(keys, dict) and {"trunk", "map_size"} & keys.keys():
            raise ValueError(
                "give `trunk` (and `map_size`), on which the study trains heads, or `model`, a "
                "whole classifier that is measured as it is, not both"
            )
        return keys

    @model_validator(mode="after")
    def _says_its_weights(self) -> "GivenArchitecture":
        source = self.model.partition(":")[0]
        if self.weights is None and source in LIBRARIES:
            raise ValueError(
                f"{self.model} without `weights` would be an untrained network: give a file, "
                f"'{source}' for the library's own weights, or 'none' if that is what you want"
            )
        return self

    @property
    def job_keys(self) -> dict[str, Any]:
        """The keys that decide the model; which methods explain it does not."""
        return {
            key: getattr(self, key)
            for key in GivenJob.model_fields
            if key in GivenArchitecture.model_fields
        }

    @property
    def files(self) -> list[str]:
        """The files that it names, and those that hold the source of a callable."""
        classes = self.classes if isinstance(self.classes, str) else ""
        named = [self.model, self.weights or "", classes]
        return [name for name in named if Path(name).is_file()] + source_files(self.model)


class GivenJob(Section):
    """Everything that decides one given model, besides the contents of its files."""

    model: str
    weights: str | None = None
    classes: str | tuple[str, ...] | None = None
    layer: str | None = None
    size: Count | None = None
    mean: Colour | None = None
    std: tuple[Positive, Positive, Positive] | None = None
    stored_size: Count = Field(224, description="side of the study's stored images, pixels")
    seed: Seed = 0
