"""Sections of the training methods for localisation: what each one adds to CAM.

The defaults of the first five are those of the WSOL benchmark (Choe et al., CVPR 2020) before its
search.
"""

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.settings.base import Count, Fraction, Positive, Section

Weight = Annotated[float, Field(ge=0)]


class Has(Section):
    """Hide-and-Seek (Singh and Lee, ICCV 2017)."""

    grid_size: Count = Field(4, description="side of the squares that are hidden, pixels")
    drop_rate: Fraction = Field(0.5, description="probability that a square is hidden")


class Acol(Section):
    """Adversarial Complementary Learning (Zhang et al., CVPR 2018)."""

    threshold: Fraction = Field(
        0.7, description="features are erased for the second head where the first head's map is "
        "at least this, relative to the map's range",
    )  # fmt: skip


class Spg(Section):
    """Self-produced Guidance (Zhang et al., ECCV 2018): bars of each side head's target."""

    b1_low: Fraction = Field(0.05, description="background of head B1: below this, from B2")
    b1_high: Fraction = Field(0.5, description="foreground of head B1: above this")
    b2_low: Fraction = Field(0.01, description="background of head B2: below this, from the map")
    b2_high: Fraction = Field(0.7, description="foreground of head B2: above this")
    c_low: Fraction = Field(0.1, description="background of head C: below this, from B1 and B2")
    c_high: Fraction = Field(0.7, description="foreground of head C: above this")

    @model_validator(mode="after")
    def _ordered(self) -> "Spg":
        for head in ("b1", "b2", "c"):
            if getattr(self, f"{head}_low") > getattr(self, f"{head}_high"):
                raise ValueError(f"{head}_low is above {head}_high")
        return self


class Adl(Section):
    """Attention-based Dropout Layer (Choe and Shim, CVPR 2019)."""

    drop_rate: Fraction = Field(
        0.75, description="probability that a mini-batch is masked; else it is weighted"
    )
    threshold: Fraction = Field(
        0.9, description="features are dropped where the attention is at least this, relative to "
        "its maximum",
    )  # fmt: skip


class Cutmix(Section):
    """CutMix (Yun et al., ICCV 2019)."""

    probability: Fraction = Field(1.0, description="probability that a mini-batch is mixed")
    beta: Positive = Field(
        1.0, description="the image's own share of the mixture is drawn from Beta(beta, beta)"
    )


class Inca(Section):
    """In-sample Contrastive Attention (Ki et al., ACCV 2020), as this study reads it."""

    drop_rate: Fraction = Field(
        0.75, description="probability that a mini-batch is masked; else it is weighted"
    )
    low: Fraction = Field(
        0.2, description="background: attention below this, relative to its range"
    )
    high: Fraction = Field(
        0.9,
        description="most discriminative region: attention of at least this, relative to its range",
    )
    contrast: Weight = Field(1.0, description="weight of the contrastive attention loss")
    consistency: Weight = Field(1.0, description="weight of the foreground consistency loss")

    @model_validator(mode="after")
    def _ordered(self) -> "Inca":
        if self.low > self.high:
            raise ValueError("low is above high")
        return self
