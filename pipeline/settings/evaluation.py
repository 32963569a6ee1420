"""Sections of the evaluations."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, create_model, model_validator

from pipeline.catalogue.evaluations import EVALUATIONS
from pipeline.settings.base import (
    Bootstrap,
    Count,
    Fraction,
    ModelPattern,
    Positive,
    Section,
    Seed,
)
from pipeline.settings.declared import declared


class CueLocalization(Section):
    """mPxAP over class pairs (paper, section 5.2)."""

    thresholds: Literal["exact", "even", "log", "released"] = Field(
        "exact",
        description="exact: every distinct score; even, log: 1000 bins; released: log for CALM "
        "maps and even for the others",
    )
    pooling: Literal["pair", "cumulative"] = Field(
        "pair",
        description="pair: a fresh evaluator for each pair; cumulative: one that is never reset "
        "(released)",
    )
    normalisations: tuple[Literal["raw", "minmax", "released"], ...] = Field(
        ("raw", "minmax"),
        min_length=1,
        description="normalisations of |s_A - s_B|, each measured; the first is the headline. raw; "
        "minmax: each image stretched to [0, 1]; released: cut at 1 for CALM maps, "
        "minmax for the others",
    )
    bootstrap: Bootstrap = Bootstrap()


class Wsol(Section):
    """MaxBoxAccV2 and PxAP (paper, section 5.4; definitions in docs/protocols.md)."""

    methods: tuple[str, ...] | None = Field(
        None,
        description="attribution methods to measure; null: all but counterfactuals",
    )
    iou_thresholds: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.3, 0.5, 0.7), min_length=1, description="IoU at which a box counts as right"
    )
    contours: Literal["all", "largest"] = Field(
        "all", description="boxes of all contours (V2) or of the largest one (V1)"
    )
    v1: bool = Field(
        False, description="also measure MaxBoxAcc as first defined: the largest contour, IoU .5"
    )
    val_threshold: bool = Field(
        False,
        description="also measure box accuracy at the map threshold that is best for the val "
        "images, whose maps are then computed too",
    )
    masks: bool = Field(
        False,
        description="also measure PxAP against the segmentation; where records have instance masks "
        "(OpenImages), PxAP against these is always measured",
    )
    upsampling: Literal["bilinear", "bicubic"] = Field(
        "bilinear", description="how maps are enlarged to the image's size"
    )
    normalisation: Literal["minmax", "max", "ivr"] = Field(
        "minmax",
        description="how a map is brought to [0, 1]: minmax; max: positive part over maximum (Eq. "
        "2); ivr: as minmax, but from a percentile up (Kim et al., ICCV 2021)",
    )
    ivr_percentile: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.45, description="ivr: fraction of the map's pixels that become 0"
    )
    bootstrap: Bootstrap = Bootstrap()


class Classification(Section):
    """Top-1 accuracy on the test split."""

    bootstrap: Bootstrap = Bootstrap()


class Calibration(Section):
    """Calibration of p(y|x) on the test split: expected calibration error, Brier score."""

    bins: Annotated[int, Field(ge=2)] = Field(15, description="bins of confidence")
    bootstrap: Bootstrap = Bootstrap()


class MapEvaluation(Section):
    """Evaluation of single maps: the keys that all of them have."""

    methods: tuple[str, ...] | None = Field(
        None, description="attribution methods to measure; null: all that the evaluation applies to"
    )
    models: tuple[ModelPattern, ...] | None = Field(
        None,
        description="models to measure, DATASET/ARCHITECTURE/VARIANT, in which * stands for any "
        "name; null: all",
    )
    images: Count | None = Field(
        None, description="at most this many test images, evenly spread over the split; null: all"
    )
    bootstrap: Bootstrap = Bootstrap()


Eraser = Literal["blur", "zero", "mean", "noisy_linear"]


def _ascending(fractions: tuple[float, ...]) -> tuple[float, ...]:
    if list(fractions) != sorted(set(fractions)):
        raise ValueError(f"fractions must ascend: {fractions}")
    return fractions


AscendingFractions = Annotated[
    tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1), AfterValidator(_ascending)
]


class Erase(MapEvaluation):
    """Remove-and-classify (paper, section 5.3)."""

    erasers: tuple[Eraser, ...] = Field(
        ("blur",),
        min_length=1,
        description="what replaces erased pixels: blur (kernel 31, sigma 15), zero (ImageNet's "
        "mean colour, as released), mean (the image's own), noisy_linear (ROAD)",
    )
    fractions: AscendingFractions = Field(
        (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        description="fractions of the pixels that are erased, ascending",
    )
    orders: tuple[Literal["most", "least"], ...] = Field(
        ("most", "least"), min_length=1, description="which pixels are erased first"
    )
    random_draws: Count = Field(3, description="random orders that the baseline averages over")
    seed: Seed = Field(0, description="seed of random orders, of ties and of noise")


class InsertionDeletion(MapEvaluation):
    """Insertion and deletion curves (Petsiuk et al., BMVC 2018)."""

    steps: Count = Field(
        28,
        description="number of steps; RISE: 224, each of one image row's worth of pixels",
    )
    blur_kernel: Annotated[int, Field(ge=1)] = Field(
        31, description="kernel of the blur that insertion starts from, pixels, odd; RISE: 11"
    )
    blur_sigma: Positive = Field(
        15.0, description="standard deviation of that blur, pixels; RISE: 5"
    )

    @model_validator(mode="after")
    def _odd(self) -> "InsertionDeletion":
        if self.blur_kernel % 2 == 0:
            raise ValueError(f"blur_kernel must be odd, not {self.blur_kernel}")
        return self


class PointingGame(MapEvaluation):
    """Pointing game (Zhang et al., IJCV 2018)."""

    region: Literal["box", "mask"] = Field(
        "box",
        description="what counts as the object: the inside of its boxes, or its masks or "
        "segmentation",
    )
    tolerance: Fraction = Field(
        15 / 224,
        description="largest distance from the object that is a hit, relative to the image's side "
        "(15 pixels of 224)",
    )


class GridPointing(MapEvaluation):
    """Grid pointing game (Boehle et al., CVPR 2021)."""

    side: Annotated[int, Field(ge=2)] = Field(
        2, description="images along a side of a grid; each keeps its full resolution"
    )
    grids: Count = Field(100, description="number of grids; fewer where there are too few images")


class CostlyEvaluation(MapEvaluation):
    """An evaluation that needs many maps or forward passes of each image."""

    images: Count | None = Field(
        50, description="at most this many test images, evenly spread over the split; null: all"
    )


class Sanity(CostlyEvaluation):
    """Sanity checks: cascading randomisation of the weights (Adebayo et al., NeurIPS 2018)."""

    seed: Seed = Field(0, description="seed of the random weights")


class Infidelity(CostlyEvaluation):
    """Infidelity and max-sensitivity (Yeh et al., NeurIPS 2019)."""

    square: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25, description="infidelity: side of the removed square, relative to the image's side"
    )
    squares: Count = Field(50, description="infidelity: squares per image, each removed by itself")
    radius: Positive = Field(
        0.02,
        description="max-sensitivity: largest change of a pixel, in standard deviations of "
        "ImageNet's colours (about 1.2 of 255)",
    )
    changes: Count = Field(10, description="max-sensitivity: random changes per image")
    seed: Seed = Field(0, description="seed of squares and changes")


class Axioms(CostlyEvaluation):
    """The axioms of the paper's sections 3.1 and 4.2 as numbers."""

    shift: float = Field(
        10.0, description="implementation invariance: added to all class logits at every location"
    )
    blocks: Annotated[int, Field(ge=2)] = Field(
        7, description="sensitivity: blocks along a side of the image, each blanked by itself"
    )
    response: Fraction = Field(
        0.01, description="sensitivity: a block matters if p(y|x) changes by more than this"
    )
    zero: Fraction = Field(
        0.01,
        description="sensitivity: attributions of at most this fraction of the image's largest "
        "count as zero",
    )


def section_of(name: str) -> type[MapEvaluation]:
    """The section of an evaluation: that of its own module, the class here of its name in
    CamelCase, or what all share.
    """
    entry = EVALUATIONS.get(name)
    if entry and entry.section:
        return declared(entry.code, entry.section)
    found = globals().get(name.title().replace("_", ""))
    if isinstance(found, type) and issubclass(found, MapEvaluation):
        return found
    return MapEvaluation


class _WholeModels(Section):
    """Evaluations with command lines of their own."""

    classification: Classification = Classification()
    calibration: Calibration | None = Field(
        Calibration(), description="whether p(y|x) is calibrated; null: not measured"
    )
    cue_localization: CueLocalization = CueLocalization()
    wsol: Wsol = Wsol()


if TYPE_CHECKING:  # type checkers accept no computed base class
    _All = _WholeModels
else:
    _All = create_model(
        "_All",
        __base__=_WholeModels,
        **{name: (section_of(name) | None, None) for name in EVALUATIONS},
    )


class Evaluation(_All):
    """What is measured, and how; an evaluation that is null here is not run."""

    def of(self, name: str) -> Any:
        """The section of an evaluation, of the catalogue or not; None if it is not run."""
        return getattr(self, name)
