"""What every section of the config is made of."""

import os
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler


def _check_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ValueError(
            "a name has letters, digits, '_' and '-', and begins with a letter or digit"
        )
    return name


def _check_path(path: str) -> str:
    if not path.strip():
        raise ValueError("the path is empty")
    if "{" in path or "}" in path:
        raise ValueError(
            f"{path!r} has a brace, which Snakemake reads as a wildcard: rename the folder or "
            "file, or give the name of a link to it"
        )
    return os.path.expanduser(path)


def _check_pattern(pattern: str) -> str:
    if len(pattern.split("/")) != 3 or not all(pattern.split("/")):
        raise ValueError(
            f"{pattern!r} is no DATASET/ARCHITECTURE/VARIANT, in which * stands for any name"
        )
    return pattern


def _check_results(path: str) -> str:
    folder = os.path.normpath(path)
    if folder in (".", os.path.dirname(folder)) or os.path.basename(folder) == "..":
        raise ValueError(
            f"{path!r} is not a folder for this study alone: name one, such as 'results'"
        )
    return folder


# What the user calls something: it becomes a part of paths, commands and patterns.
Name = Annotated[str, AfterValidator(_check_name)]
# Files and folders of the user: "~" is their home, as in a shell. Also of what may be a path among
# other things (`weights`): prefixes such as "model:" pass unchanged.
FilePath = Annotated[str, AfterValidator(_check_path)]
# Which models: DATASET/ARCHITECTURE/VARIANT, in which * stands for any name.
ModelPattern = Annotated[str, AfterValidator(_check_pattern)]
ResultsFolder = Annotated[FilePath, AfterValidator(_check_results)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


class OneOf:
    """In ``Annotated[str, OneOf(names)]``: a `Literal` of names that stand in a catalogue."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> Any:
        return handler.generate_schema(Literal[tuple(self.names)])


def droppable(schema: dict[str, Any]) -> None:
    """In the JSON schema of a mapping by names, null is allowed: it drops what a name inherits."""
    schema["additionalProperties"] = {"anyOf": [schema["additionalProperties"], {"type": "null"}]}


_Kind = TypeVar("_Kind", bound="Section")


class Section(BaseModel):
    """A part of the config in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def own(self, kind: type[_Kind]) -> _Kind:
        """The options that a module declares as ``kind``, see `pipeline.settings.declared`."""
        (found,) = (value for _, value in self if type(value).__name__ == kind.__name__)
        return kind.model_validate(dict(found))


class Bootstrap(Section):
    """Percentile bootstrap intervals."""

    replicates: Count = Field(1000, description="bootstrap replicates")
    level: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.95, description="coverage of the intervals"
    )
    seed: Seed = Field(0, description="seed of the resampling")
