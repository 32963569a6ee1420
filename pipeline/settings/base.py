"""What every section of the config is made of."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _check_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ValueError(
            "a name has letters, digits, '_' and '-', and begins with a letter or digit"
        )
    return name


# What the user calls something: it becomes a part of paths, commands and patterns.
Name = Annotated[str, AfterValidator(_check_name)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """A part of the config in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Bootstrap(Section):
    """Percentile bootstrap intervals."""

    replicates: Count = Field(1000, description="bootstrap replicates")
    level: Annotated[float, Field(gt=0, lt=1)] = Field(0.95, description="coverage")
    seed: Seed = Field(0, description="seed of the resampling")
