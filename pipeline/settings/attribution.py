"""Sections of the attribution methods: which ones, and their options."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from pipeline.catalogue.methods import METHODS
from pipeline.runtime.functions import is_function_name
from pipeline.runtime.validation import UnknownKey
from pipeline.settings.base import Count, FilePath, Fraction, Name, Section, Seed, droppable
from pipeline.settings.declared import with_declared


class OwnMaps(Section):
    """Attribution maps made elsewhere, measured like every other method (docs/own_maps.md)."""

    path: FilePath = Field(description="HDF5 file (maps, image_id, target) or folder of .npy files")
    model: str | None = Field(
        None, description="DATASET/ARCHITECTURE/VARIANT: the model of this study that they explain"
    )
    dataset: str | None = Field(
        None,
        description="instead of `model`: the data set whose images they are of. They are measured "
        "where maps alone are: cue localisation, WSOL, the pointing game",
    )

    @model_validator(mode="after")
    def _of_one_thing(self) -> "OwnMaps":
        if (self.model is None) == (self.dataset is None):
            raise ValueError(
                "give `model`, the model of this study that the maps explain, or, where the study "
                "has none, `dataset`"
            )
        return self


def _methods_of(kind: str) -> tuple[str, ...]:
    return tuple(name for name, entry in METHODS.items() if kind in entry.models)


def _every_method(kind: str) -> BeforeValidator:
    """Reads ``all`` as the catalogue's methods for a kind of model, but those of attention.

    Only vision transformers have these, and nearly all trunks of a study are none.
    """
    usual = tuple(name for name in _methods_of(kind) if METHODS[name].needs != "tokens")
    return BeforeValidator(lambda given: usual if given == "all" else given)


_IN_SCHEMA = WithJsonSchema(
    {"anyOf": [{"enum": ["all"]}, {"type": "array", "items": {"type": "string"}}]}
)


def _function(given: Any) -> Any:
    """Check the form of a function's name; what it stands for is found when it is called."""
    if isinstance(given, dict) or (isinstance(given, str) and is_function_name(given)):
        return given  # maps, which stood here once, have a message of their own
    raise UnknownKey(
        "To name a method of your own, write the function that computes it: "
        "package.module:function (docs/own_methods.md)"
    )


class Methods(Section, extra="allow", json_schema_extra=droppable):
    """Attribution methods by kind of model; all: every method of the catalogue for the kind, except
    `attention_rollout` and `legrad`, which vision transformers alone have.

    Any other key is a method of your own, NAME: package.module:function (docs/own_methods.md). It
    explains every model or, where a list names it, those of that list alone.
    """

    __pydantic_extra__: dict[Name, Annotated[str, BeforeValidator(_function)]] = Field(init=False)

    cam: Annotated[tuple[str, ...], _every_method("cam"), _IN_SCHEMA] = Field(
        ("cam", "cam_superset"), description="methods for CAM models"
    )
    calm: Annotated[tuple[str, ...], _every_method("calm"), _IN_SCHEMA] = Field(
        ("joint", "conditional", "posterior", "saliency", "subset", "counterfactual"),
        description="methods for CALM models",
    )

    @property
    def functions(self) -> dict[str, str]:
        """The user's own methods: name -> ``package.module:function``."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="after")
    def _known(self) -> "Methods":
        problems = []
        for kind in ("cam", "calm"):
            names, valid = getattr(self, kind), (*_methods_of(kind), *self.functions)
            problems += [
                f"methods.{kind}: a {kind} model has no method {name!r}; valid: {', '.join(valid)}"
                for name in names
                if name not in valid
            ]
            if len(set(names)) != len(names):
                problems.append(f"methods.{kind} names a method twice: {', '.join(names)}")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class IntegratedGradients(Section):
    """Integrated gradients (Sundararajan et al., ICML 2017)."""

    steps: Count = Field(50, description="points of the path from a zero image (mean colour)")


class Noise(Section):
    """Noisy gradients: SmoothGrad, its square, and VarGrad, from the same draws."""

    samples: Count = Field(50, description="noisy copies per image")
    spread: Fraction = Field(
        0.25, description="standard deviation of the noise, relative to the image's range"
    )
    seed: Seed = Field(0, description="seed of the noise")


class Occlusion(Section):
    """Occlusion (Zeiler and Fergus, ECCV 2014)."""

    window: Count = Field(32, description="side of the square that is blanked, pixels")
    stride: Count = Field(16, description="step between squares, pixels; at most `window`")

    @model_validator(mode="after")
    def _covered(self) -> "Occlusion":
        if self.stride > self.window:
            raise ValueError(
                f"stride: {self.stride} is larger than the window, {self.window}, so that pixels "
                "between the squares would never be blanked"
            )
        return self


class GradientMaps(Section):
    """How maps of gradients at the input's resolution are finished (paper, section 5.1)."""

    blur_sigma: Annotated[float, Field(ge=0)] = Field(
        4.0,
        description="standard deviation of the Gaussian blur, pixels; 0: no blur, as in the "
        "released code. The paper gives no number. The methods `*_released` are never "
        "blurred",
    )
    minmax: bool = Field(True, description="stretch each map to [0, 1]")


Target = Literal["logit", "log_prob"]


@with_declared(METHODS)
class Attribution(Section):
    """Options of the attribution methods."""

    target: Target = Field(
        "logit",
        description="what gradients, Grad-CAM and its family, LeGrad and occlusion explain: logit, "
        "the class's score before the softmax, as published; log_prob, log p(y|x). CALM has "
        "no logits, so it is log p(y|x) there in either case. DeepLIFT and the methods "
        "`*_released` always take the logit, RISE takes p(y|x)",
    )

    integrated_gradients: IntegratedGradients = IntegratedGradients()
    noise: Noise = Noise()
    occlusion: Occlusion = Occlusion()
    gradient_maps: GradientMaps = GradientMaps()


class MethodOptions(Attribution):
    """What a job is given of the methods that it computes."""

    functions: dict[str, str] = Field(
        {}, description="methods of the user's own: name -> package.module:function"
    )
