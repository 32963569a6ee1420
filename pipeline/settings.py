"""The typed sections of the config: every key with its default, unit, range and meaning.

One section is what one kind of job uses, and nothing else: a job's parameters are the canonical
JSON of its section, so a changed key reruns exactly the jobs that it touches. `pipeline.config`
puts the sections of a study together.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """A part of the config in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SynthBirds(Section):
    """Birds drawn from a seed, written in the layout of CUB-200-2011."""

    seed: Seed = Field(0, description="seed of classes, poses and backgrounds")
    classes: Count = Field(20, description="number of bird classes")
    train_images: Count = Field(30, description="training images a class")
    test_images: Count = Field(20, description="test images a class")
    size: int = Field(160, ge=32, description="mean side of an image, pixels (sides vary by 20 %)")
    pair_structure: bool = Field(
        True,
        description="classes come in families whose members differ in 1, 2 or 3 parts; "
        "false: every class is drawn independently (for pretraining)",
    )


class Records(Section):
    """Which images of a data set are used, and how they are split."""

    layout: Literal["cub"] = Field("cub", description="folder layout: cub = CUB-200-2011")
    classes: str = Field(
        "all",
        description="class numbers as in classes.txt: 'all', or ranges such as '1-50,60'",
        pattern=r"^(all|\d+(-\d+)?(,\d+(-\d+)?)*)$",
    )
    val_fraction: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.1, description="part of each class's training images that is held out as split val"
    )
    val_seed: Seed = Field(0, description="seed of the choice of val images")


class Images(Section):
    """How images are stored in shards."""

    resize: Literal["square", "short_side"] = Field(
        "square",
        description="square: both sides become the size, as the released code does; short_side: "
        "the shorter side does, then the centre is cut out",
    )
    train_size: Count = Field(256, description="side of a stored training image, pixels")
    eval_size: Count = Field(224, description="side of a stored val or test image, pixels")
    format: Literal["jpeg", "png"] = Field("jpeg", description="png is lossless")
    quality: Annotated[int, Field(ge=1, le=100)] = Field(95, description="JPEG quality")
    shard_images: Count = Field(512, description="images a shard")


class Cues(Section):
    """Estimated cue masks from attributes and keypoints (paper, section 5.2)."""

    max_parts: Annotated[int, Field(ge=1, le=7)] = Field(
        3, description="a class pair is used if it differs in at most this many parts"
    )
    threshold: Annotated[float, Field(ge=0, le=100)] = Field(
        50.0, description="a class has an attribute from this percentage of annotators on"
    )
    foreground: Literal["auto", "segmentation", "box", "none"] = Field(
        "auto", description="auto: the segmentation where there is one, else the bounding box"
    )
    truncate_keypoints: bool = Field(
        False, description="round keypoints down to whole pixels of the map (released code)"
    )


class Trunk(Section):
    """The network below the heads."""

    trunk: Literal["resnet_small", "squeezenet1_0"] = Field(
        "resnet_small", description="feature extractor, see pipeline/models/backbones.py"
    )
    weights: str = Field(
        "none",
        description="none; a path (.safetensors or a PyTorch state dict); 'torchvision:NAME' "
        "(downloads); or 'model:DATASET/ARCHITECTURE/VARIANT', trained by this study",
    )


class Training(Section):
    """Optimisation of one model (paper, section 5.1 and Appendix C)."""

    method: Literal["cam", "calm_em", "calm_ml", "attributes"] = Field(
        description="head and loss; attributes = multi-label pretraining on attributes"
    )
    epochs: Count = Field(40, description="passes over the training split")
    batch_size: Count = Field(64, description="images a step, over all devices")
    crop: Count = Field(224, description="side of the random training crop, pixels")
    flip: bool = Field(True, description="mirror half of the training images")
    lr: Positive = Field(3e-5, description="learning rate of the trunk")
    head_lr_ratio: Positive = Field(
        10.0, description="learning rate of the heads and the trunk's last block, relative to lr"
    )
    location_lr_ratio: Positive = Field(
        1.0, description="learning rate of the location branch h, relative to the other heads"
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="SGD momentum")
    nesterov: bool = Field(True, description="Nesterov momentum, as the released code")
    weight_decay: Annotated[float, Field(ge=0)] = Field(1e-4, description="L2 penalty")
    schedule: Literal["step", "cosine", "constant"] = Field(
        "step", description="step: times decay_factor every decay_every epochs"
    )
    decay_every: Count = Field(30, description="epochs between steps of the schedule")
    decay_factor: Fraction = Field(0.1, description="factor at each step")
    warmup_epochs: Annotated[float, Field(ge=0)] = Field(
        0.0, description="epochs over which the learning rate rises linearly from zero"
    )
    location: Literal["softplus", "relu"] = Field(
        "softplus", description="activation of the location branch h (section 4.1.1 / App. C)"
    )
    detach_normaliser: bool = Field(
        False, description="no gradient through the prior's normaliser (released code)"
    )
    class_init_scale: Positive = Field(
        1.0, description="factor on the initial weights of the class branch g"
    )
    location_init_scale: Positive = Field(
        1.0, description="factor on the initial weights of the location branch h"
    )
    precision: Literal["32-true", "bf16-mixed"] = Field(
        "32-true", description="Lightning Fabric precision"
    )


class Bootstrap(Section):
    """Percentile bootstrap intervals."""

    replicates: Count = Field(1000, description="bootstrap replicates")
    level: Annotated[float, Field(gt=0, lt=1)] = Field(0.95, description="coverage")
    seed: Seed = Field(0, description="seed of the resampling")


class CueLocalization(Section):
    """mPxAP over class pairs (paper, section 5.2)."""

    thresholds: Literal["exact", "even", "log", "released"] = Field(
        "exact",
        description="exact: every distinct score; even, log: 1000 bins; released: log for CALM "
        "maps and even for the others",
    )
    pooling: Literal["pair", "cumulative"] = Field(
        "pair", description="pair: a fresh evaluator a pair; cumulative: never reset (released)"
    )
    normalisations: tuple[Literal["raw", "minmax"], ...] = Field(
        ("raw", "minmax"),
        min_length=1,
        description="of |s_A - s_B|: raw, or min-max an image; the first is the headline",
    )
    bootstrap: Bootstrap = Bootstrap()


class Wsol(Section):
    """MaxBoxAccV2 (paper, section 5.4; definitions in docs/protocols.md)."""

    iou_thresholds: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.3, 0.5, 0.7), min_length=1, description="IoU from which a box is right"
    )
    contours: Literal["all", "largest"] = Field(
        "all", description="boxes of all contours (V2) or of the largest one (V1)"
    )
    upsampling: Literal["bilinear", "bicubic"] = Field(
        "bilinear", description="from the map's resolution to the image's"
    )
    bootstrap: Bootstrap = Bootstrap()


class Classification(Section):
    """Top-1 accuracy on the test split."""

    bootstrap: Bootstrap = Bootstrap()


class Evaluation(Section):
    """What is measured, and how."""

    classification: Classification = Classification()
    cues: CueLocalization = CueLocalization()
    wsol: Wsol = Wsol()


class Supersets(Section):
    """Which classes a map is summed over for localisation (paper, section 5.4 and Appendix F)."""

    kind: Literal["all", "singletons", "wordnet"] = Field(
        "singletons",
        description="all: one superset of all classes (CUB); singletons: none (OpenImages); "
        "wordnet: from the is-a tree (ImageNet)",
    )
    annotation: Literal["disjoint", "paper"] = Field(
        "disjoint", description="wordnet: the partition of 446 sets, or the paper's Table 4 as is"
    )
    parents: Literal["last", "all"] = Field(
        "last", description="wordnet: one parent a synset (reproduces Table 4), or every parent"
    )
    is_a: str | None = Field(
        None,
        description="wordnet: path of the full edge list (wordnet.is_a.txt); none: the edges above "
        "the 1000 ImageNet classes, which are shipped",
    )


class Report(Section):
    """Figures and report.html."""

    dpi: Count = Field(110, description="resolution of PNG figures, dots an inch")
    gallery_images: Count = Field(6, description="test images in the gallery")
    gallery_pairs: Count = Field(6, description="class pairs in the counterfactual figure")
    seed: Seed = Field(0, description="seed of the choice of images and pairs")


class TrainJob(Section):
    """Everything that decides the weights of one model."""

    trunk: str
    weights: str
    seed: Seed
    training: Training


CalmMethod = Literal["joint", "conditional", "posterior", "saliency", "subset", "counterfactual"]


class Methods(Section):
    """Attribution methods by kind of model; each is one cached HDF5 file a model."""

    cam: tuple[Literal["cam", "cam_superset"], ...] = Field(
        ("cam", "cam_superset"), description="methods for CAM models"
    )
    calm: tuple[CalmMethod, ...] = Field(
        ("joint", "conditional", "posterior", "saliency", "subset", "counterfactual"),
        description="methods for CALM models",
    )

    @model_validator(mode="after")
    def _no_repeats(self) -> "Methods":
        for kind in ("cam", "calm"):
            names = getattr(self, kind)
            if len(set(names)) != len(names):
                raise ValueError(f"methods.{kind} names a method twice: {', '.join(names)}")
        return self


class ModelNote(Section):
    """What a table says about a model beside its scores."""

    trunk: str
    method: str


class TablesJob(Section):
    """What the tables need to know of the config; models are named DATASET/ARCHITECTURE/VARIANT."""

    protocol: str
    normalisations: tuple[str, ...]
    models: dict[str, ModelNote]
