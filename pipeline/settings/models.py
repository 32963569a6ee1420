"""Sections of the models: trunk and training."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.runtime.validation import nearest
from pipeline.settings.base import Count, FilePath, Fraction, OneOf, Positive, Section, Seed
from pipeline.settings.declared import with_declared


def _check_trunk(name: str) -> str:
    source, colon, network = name.partition(":")
    if not colon and name not in PAPER_TRUNKS:
        raise ValueError(
            f"there is no trunk {name!r}{nearest(name, PAPER_TRUNKS)} A network of a library is "
            "'timm:NAME' or 'torchvision:NAME'."
        )
    if colon and (source not in LIBRARIES or not network):
        raise ValueError("write 'timm:NAME' or 'torchvision:NAME'")
    return name


PAPER_TRUNKS = (
    "resnet_small", "resnet18", "resnet50", "vgg16", "vgg16_bn", "inception_v3", "squeezenet1_0",
    "convnext_tiny",
)  # fmt: skip
TrunkName = Annotated[str, AfterValidator(_check_trunk)]
LIBRARIES = ("timm", "torchvision")  # also as `weights`: those that they publish
MapSize = Literal[7, 14, 28, 56, "native"]


class Architecture(Section):
    """A trunk, the network below the heads, and the weights that it starts from."""

    trunk: TrunkName = Field(
        "resnet_small",
        description="feature extractor: a trunk of the paper, see docs/trunks.md, or any network "
        "of a library as 'timm:NAME' or 'torchvision:NAME'",
    )
    map_size: MapSize | None = Field(
        None,
        description="nominal side of the map for images of 224 pixels, in cells (squeezenet1_0: 13 "
        "and 27); native: the network's own strides, or its patches. Left out: 28 for a trunk of "
        "the paper, native for a network of a library",
    )
    dilation: bool = Field(
        False,
        description="of a library's network: spread what follows a removed stride, which keeps "
        "what pretrained weights mean; false: the paper's way (docs/trunks.md)",
    )
    weights: FilePath = Field(
        "none",
        description="none; a path (.safetensors or a PyTorch state dict); 'torchvision:NAME', or "
        "'timm' or 'torchvision' for what the library publishes for the trunk (downloads); "
        "'package:PACKAGE/PATH', a file that an installed package brings; or "
        "'model:DATASET/ARCHITECTURE/VARIANT', trained by this study",
    )

    @model_validator(mode="after")
    def _own_sizes(self) -> "Architecture":
        if ":" not in self.trunk and (self.map_size not in (None, 14, 28) or self.dilation):
            raise ValueError(
                f"trunk {self.trunk!r} has map_size 14 or 28 and no dilation, as in the paper; "
                "'torchvision:NAME' and 'timm:NAME' have both"
            )
        return self

    @property
    def cells(self) -> MapSize:
        """The size of the map, where the key is left out too."""
        return self.map_size or ("native" if ":" in self.trunk else 28)


def _head(value: Any) -> Any:
    if value == "network":
        raise ValueError(
            "'network' is now 'trained', which takes the heads that the file of weights has, a "
            "library's own classifier among them"
        )
    return value


@with_declared(TRAINING_METHODS)
class Training(Section):
    """Optimisation of one model (paper, section 5.1 and Appendix C)."""

    method: Annotated[str, OneOf(TRAINING_METHODS)] = Field(
        description="head and loss; attributes = multi-label pretraining on attributes; has and "
        "those after it: see docs/wsol_methods.md"
    )
    epochs: Annotated[int, Field(ge=0)] = Field(
        40,
        description="passes over the training split; 0: no training, the weights are measured as "
        "they are",
    )
    weights: FilePath | None = Field(
        None, description="weights for this variant instead of the architecture's; same forms"
    )
    head: Annotated[Literal["scratch", "trained"], BeforeValidator(_head)] = Field(
        "scratch",
        description="scratch: fresh heads; trained: those in the file of weights, of a model of a "
        "study or of the authors, or a library's own classifier as CAM's class branch",
    )
    batch_size: Count = Field(64, description="images per step, over all devices")
    crop: Count = Field(224, description="side of the random training crop, pixels")
    flip: bool = Field(True, description="mirror half of the training images, chosen at random")
    dropout: bool = Field(
        True, description="the trunk's own dropout (Inception-v3); the released code has none"
    )
    added_batch_norm: bool = Field(
        False,
        description="batch norm after the convolutions that VGG and Inception-v3 add (released "
        "code: use_bn, which for VGG is also trunk vgg16_bn), and after SqueezeNet's last",
    )
    convert_input: bool = Field(
        True,
        description="Inception-v3 brings images to [-1, 1], as torchvision's weights expect; the "
        "released code does not",
    )
    frozen_stages: Annotated[int, Field(ge=0)] = Field(
        0,
        description="number of the trunk's first stages that stay as they are loaded, batch norm "
        "included (docs/trunks.md lists the stages)",
    )
    lr: Positive = Field(3e-5, description="learning rate of the trunk")
    head_lr_ratio: Positive = Field(
        10.0, description="learning rate of the heads and the trunk's last block, relative to lr"
    )
    location_lr_ratio: Positive = Field(
        1.0, description="learning rate of the location branch h, relative to the other heads"
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="SGD momentum")
    nesterov: bool = Field(True, description="Nesterov momentum, as in the released code")
    weight_decay: Annotated[float, Field(ge=0)] = Field(1e-4, description="L2 penalty")
    schedule: Literal["step", "cosine", "constant"] = Field(
        "step",
        description="of the learning rate; step: multiplied by decay_factor before every "
        "decay_every-th epoch",
    )
    decay_every: Count = Field(
        30,
        description="epochs between decays, counted from 1: with 3 the third epoch is the first at "
        "the lower rate",
    )
    decay_factor: Fraction = Field(0.1, description="factor at each step")
    warmup_epochs: Annotated[float, Field(ge=0)] = Field(
        0.0, description="epochs over which the learning rate rises linearly from zero"
    )
    stop_after: Count | None = Field(
        None,
        description="train only the first so many of the `epochs`, by their schedule: the model as "
        "it is after that epoch",
    )
    location: Literal["softplus", "relu"] = Field(
        "softplus", description="activation of the location branch h (section 4.1.1 / App. C)"
    )
    detach_normaliser: bool = Field(
        False,
        description="let no gradient through the normaliser of p(z|x) (as in the released code; "
        "docs/losses.md)",
    )
    posterior_guard: Annotated[float, Field(ge=0)] = Field(
        0.0,
        description="added to p(y|x) where EM's posterior is divided by it (released code: 1e-10); "
        "weakens the gradient of images whose label is comparably unlikely",
    )
    class_init_scale: Positive = Field(
        1.0, description="factor on the initial weights of the class branch g"
    )
    location_init_scale: Positive = Field(
        1.0, description="factor on the initial weights of the location branch h"
    )
    precision: Literal["32-true", "bf16-mixed", "auto"] = Field(
        "32-true",
        description="Lightning Fabric precision; `auto`: bf16-mixed where the processor or GPU "
        "multiplies bfloat16 itself, else 32-true",
    )

    @model_validator(mode="after")
    def _has_such_an_epoch(self) -> "Training":
        if (self.stop_after or 0) > self.epochs:
            raise ValueError(
                f"stop_after: {self.stop_after} is more than `epochs: {self.epochs}`, the length "
                "of the schedule: raise `epochs`, or leave `stop_after` out"
            )
        return self

    @property
    def last_epoch(self) -> int:
        """How many epochs are trained, of the schedule's `epochs`."""
        return self.stop_after or self.epochs

    @property
    def code(self) -> tuple[str, ...]:
        """The dotted names of the modules that the method adds to the training loop."""
        return (TRAINING_METHODS[self.method].code,)

    def merged(self, keys: Mapping[str, Any]) -> "Training":
        """These keys with others over them, a method's section key by key.

        Raises:
            ValidationError: a key is unknown, or its value wrong.
        """
        own = self.model_dump(mode="json")
        for key, value in keys.items():
            own[key] = {**own.get(key, {}), **value} if isinstance(value, Mapping) else value
        return Training.model_validate(own)

    @model_serializer(mode="wrap")
    def _without_other_methods(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A section of another method has no effect here, so its change must not retrain.

        Nor does `stop_after` where it is not given.
        """
        unused = TRAINING_METHODS.keys() - {self.method}
        if self.stop_after is None:
            unused |= {"stop_after"}
        return {key: value for key, value in fields(self).items() if key not in unused}


class TrainJob(Section):
    """Everything that decides the weights of one model."""

    trunk: str
    # the defaults read files of weights that lack the keys
    map_size: MapSize = 28
    dilation: bool = False
    weights: str
    seed: Seed
    training: Training

    def merged(self, keys: Mapping[str, Any]) -> "TrainJob":
        """The job with other keys over its own, as {"map_size": 14, "training": {"lr": 0.1}}.

        Raises:
            ValueError: a key is unknown or its value is not allowed.
        """
        training = self.training.merged(keys.get("training", {}))
        return TrainJob.model_validate({**dict(self), **keys, "training": training})
