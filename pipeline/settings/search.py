"""Sections of the hyperparameter search (paper, Appendix E)."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Count, Section, Seed, droppable
from pipeline.settings.evaluation import Wsol
from pipeline.settings.models import TrainJob


class Range(Section):
    """Where the values of a training key are drawn from: low and high, or choices."""

    low: float | None = Field(None, description="lowest value")
    high: float | None = Field(None, description="highest value")
    log: bool = Field(False, description="uniform in the logarithm of the value")
    choices: tuple[bool | int | float | str, ...] | None = Field(
        None, min_length=1, description="values, all equally likely"
    )

    @model_validator(mode="after")
    def _one_form(self) -> "Range":
        if (self.choices is None) == (self.low is None or self.high is None):
            raise ValueError("give either `low` and `high`, or `choices`")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low ({self.low:g}) is above high ({self.high:g})")
        if self.log and (self.low is None or self.low <= 0):
            raise ValueError("`log` needs a `low` above 0")
        return self


class Search(Section):
    """Random search of the training keys on the val images (docs/search.md)."""

    draws: Count = Field(30, description="trainings of each model; the best one's keys are used")
    seed: Seed = Field(0, description="seed of the draws")
    score: Literal["localisation", "accuracy"] = Field(
        "localisation",
        description="what the best is chosen by, on the val images: localisation = MaxBoxAccV2 of "
        "the true class's map, or PxAP where there are masks but no boxes; accuracy = top-1",
    )
    epochs: Count | None = Field(
        None, description="epochs of a draw; null: as many as the variant has"
    )
    proxy_per_class: Count | None = Field(
        None,
        description="a draw trains on at most this many images per class, the first in the lists' "
        "order; null: all",
    )
    variants: tuple[str, ...] | None = Field(
        None, description="variants to search for; null: all whose maps are evaluated"
    )
    ranges: dict[str, Range] = Field(
        {},
        json_schema_extra=droppable,
        description="range of a training key, such as lr or adl.drop_rate, or of map_size; "
        "replaces the method's own range, or adds a key",
    )


class DrawJob(Section):
    """Everything that decides one draw: the keys that were drawn are already in ``job``."""

    number: Annotated[int, Field(ge=0)]
    job: TrainJob
    keys: dict[str, Any]
    score: Literal["localisation", "accuracy"]
    proxy_per_class: Count | None = None
    wsol: Wsol = Wsol()
