"""Sections of the data: drawing, records, stored images, cues, supersets."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from pipeline.catalogue.layouts import LAYOUTS
from pipeline.settings.base import Count, FilePath, OneOf, Positive, Section, Seed
from pipeline.settings.declared import with_declared

ClassPair = tuple[str, str]
PixelValue = Annotated[int, Field(ge=0, le=65535)]


class SynthBirds(Section):
    """Birds drawn from a seed, written in the layout of CUB-200-2011."""

    seed: Seed = Field(0, description="seed of classes, poses and backgrounds")
    classes: Count = Field(20, description="number of bird classes")
    train_images: Count = Field(30, description="training images per class")
    test_images: Count = Field(20, description="test images per class")
    size: int = Field(160, ge=32, description="mean side of an image, pixels (sides vary by 20 %)")
    pair_structure: bool = Field(
        True,
        description="classes come in families whose members differ in 1, 2 or 3 parts; "
        "false: every class is drawn independently (for pretraining)",
    )


class MaskValues(Section):
    """What the values of mask pixels mean."""

    pixel: Literal["value", "red_green"] = Field(
        "value",
        description="the number of a pixel: value = its grey value, or its palette index; "
        "red_green = red + 256 green, as in ImageNet-S",
    )
    object: tuple[PixelValue, ...] | Literal["class"] | dict[str, tuple[PixelValue, ...]] | None = (
        Field(
            None,
            description="numbers that mean the object: a list; class = the number of the image's "
            "class, from 1 in the order of classes.csv; or a list for each class name; "
            "null: all but 0 and `ignore`",
        )
    )
    ignore: tuple[PixelValue, ...] = Field(
        (), description="numbers that count neither as object nor as background"
    )

    @model_validator(mode="after")
    def _apart(self) -> "MaskValues":
        lists = self.object.values() if isinstance(self.object, dict) else [self.object]
        both = {v for values in lists if isinstance(values, tuple) for v in values}
        both &= set(self.ignore)
        if both:
            raise ValueError(f"{sorted(both)} cannot be both `object` and `ignore`")
        return self


@with_declared(LAYOUTS)
class Records(Section):
    """Which images of a data set are used, and how they are split."""

    layout: Annotated[str, OneOf(LAYOUTS)] = Field(
        "cub",
        description="what the root looks like (docs/datasets.md): "
        + "; ".join(f"{name} = {entry.about}" for name, entry in LAYOUTS.items()),
    )
    metadata: FilePath | None = Field(
        None,
        description="wsol: folder of the lists, {train,val,test}/{image_ids,class_labels,"
        "image_sizes,localization}.txt",
    )
    boxes: FilePath | None = Field(
        None,
        description="folder: file of boxes, CSV with the first line image_id,x0,y0,x1,y1, or COCO "
        "JSON; null: boxes.csv in the root, if it is there",
    )
    masks: FilePath | None = Field(
        None,
        description="wsol: folder that the mask paths start from; null: the root. folder: folder "
        "of masks (PNG, BMP, TIFF, GIF), or COCO JSON; null: masks/ in the root, if it is there",
    )
    mask_values: MaskValues | None = Field(
        None,
        description="folder: which pixels of the pictures in `masks` are object, such as {object: "
        "[1], ignore: [3]}; null: every pixel that is not black",
    )
    orientation: Literal["stored", "upright"] | None = Field(
        None,
        description="folder: what to do with images whose EXIF tag asks for them to be turned: "
        "stored = use them as they are in the file; upright = turn them, if boxes and "
        "masks were drawn on the turned picture; null: stored, and an error where such "
        "images have boxes or masks",
    )
    classes: str = Field(
        "all",
        description="class numbers from 1: 'all', or ranges such as '1-50,60' (cub: as in "
        "classes.txt; wsol: label + 1; folder: place in the sorted names, or the names themselves "
        "where all of them are numbers)",
        pattern=r"^(all|\d+(-\d+)?(,\d+(-\d+)?)*)$",
    )
    train_per_class: Count | None = Field(
        None,
        description="at most this many training images per class, including those held out as val: "
        "the first in the lists' order; null: all",
    )
    test_per_class: Count | None = Field(None, description="the same for test images")
    test_fraction: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.2,
        description="folder: fraction of each class's images that is drawn as split test, where "
        "the root holds CLASS/*.jpg without train/ and test/; always the same ones",
    )
    val_fraction: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.1,
        description="fraction of each class's training images that is held out as split val; not "
        "used if the data set has val images of its own (wsol: the benchmark's "
        "train-fullsup list)",
    )
    val_seed: Seed = Field(0, description="seed of the choice of val images")

    @model_validator(mode="after")
    def _keys_of_the_layout(self) -> "Records":
        if self.layout == "wsol" and self.metadata is None:
            raise ValueError("layout wsol needs `metadata`, the folder of the benchmark's lists")
        if self.layout != "wsol" and self.metadata:
            raise ValueError("`metadata` is for layout wsol alone; remove it")
        if self.layout == "cub" and self.masks:
            raise ValueError("`masks` is for layouts wsol and folder; remove it")
        for key in ("boxes", "mask_values", "orientation"):
            if self.layout != "folder" and getattr(self, key):
                raise ValueError(f"`{key}` is for layout folder alone; remove it")
        return self

    @model_serializer(mode="wrap")
    def _without_other_layouts(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Options of another layout decide nothing."""
        others = set(LAYOUTS) - {self.layout}
        if self.layout != "folder":
            others |= {"test_fraction"}
        return {key: value for key, value in fields(self).items() if key not in others}


Need = Literal[
    "train_images",
    "test_images",
    "objects",
    "objects_or_segmentations",
    "boxes",
    "masks",
    "gaze",
    "val_objects",
    "attributes",
    "keypoints",
    "wnids",
]


class RecordsJob(Records):
    """Everything that the records of a data set depend on."""

    needs: tuple[Need, ...] = Field(
        (), description="what the study's evaluations need of the records"
    )
    least_classes: Count = Field(1, description="classes with test images that they need")
    class_pairs: tuple[ClassPair, ...] = Field((), description="class pairs that the study names")
    gaze: FilePath | None = Field(None, description="where people looked in the images")


class Images(Section):
    """How images are stored in shards."""

    resize: Literal["square", "short_side"] = Field(
        "square",
        description="square: both sides become the size, as the released code does; short_side: "
        "the shorter side does, then the centre is cut out",
    )
    train_size: Count = Field(256, description="side of a stored training image, pixels")
    eval_size: Count = Field(224, description="side of a stored val or test image, pixels")
    train_format: Literal["jpeg", "png"] = Field(
        "jpeg", description="file format of training images in the shards; png is lossless"
    )
    eval_format: Literal["jpeg", "png"] = Field(
        "png",
        description="file format of val and test images in the shards; JPEG would change "
        "predictions",
    )
    quality: Annotated[int, Field(ge=1, le=100)] = Field(95, description="JPEG quality")
    shard_images: Count = Field(512, description="images per shard")


def _check_url(url: str) -> str:
    scheme = url.partition(":")[0]  # WebDataset would run what follows pipe:
    known = re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s{}]*[^\s{}/]", url)
    if not known or scheme in ("file", "local", "pipe"):
        raise ValueError(
            "give the address of a folder elsewhere, such as https://host/birds, without braces "
            "and a last slash; shards on this machine belong into the results folder"
        )
    return url


class ShardSource(Section):
    """Shards that were written before and lie elsewhere (docs/scale.md)."""

    url: Annotated[str, AfterValidator(_check_url)] = Field(
        description="address of a folder as RESULTS/shards/DATASET, which holds "
        "{train,val,test}/manifest.json and the shards: http://, https://, s3://, gs:// ..."
    )
    cache: FilePath | None = Field(
        None,
        description="folder of the fetched copies, with one in it for each address and split; "
        "null: RESULTS/shards/DATASET/SPLIT/cache",
    )
    cache_gb: Positive | None = Field(
        None,
        description="training keeps at most about this many gigabytes of copies, the newest; null: "
        "all",
    )


class Cues(Section):
    """Estimated cue masks from attributes and keypoints (paper, section 5.2)."""

    max_parts: Annotated[int, Field(ge=1, le=7)] = Field(
        3, description="a class pair is used if it differs in at most this many parts"
    )
    threshold: Annotated[float, Field(ge=0, le=100)] = Field(
        50.0,
        description="a class has an attribute if at least this percentage of annotators saw it",
    )
    foreground: Literal["auto", "segmentation", "box", "none"] = Field(
        "auto",
        description="pixels that can belong to a part; auto: the segmentation where there is "
        "one, else the bounding box",
    )
    segmentation_resize: Literal["nearest", "bicubic"] = Field(
        "nearest",
        description="how segmentations are resized to the map: nearest pixel; bicubic: in grey "
        "levels, of which all above 0 are bird (released code)",
    )
    truncate_keypoints: bool = Field(
        False,
        description="round keypoints down to whole pixels of the map, after those of the head are "
        "averaged (released code)",
    )


SupersetKind = Literal["all", "singletons", "wordnet"]


class Supersets(Section):
    """Which classes a map is summed over for localisation (paper, section 5.4 and Appendix F)."""

    kind: SupersetKind = Field(
        "singletons",
        description="all: one superset of all classes (CUB); singletons: none (OpenImages); "
        "wordnet: from the is-a tree (ImageNet)",
    )
    annotation: Literal["disjoint", "paper"] = Field(
        "disjoint", description="wordnet: the partition of 446 sets, or the paper's Table 4 as is"
    )
    parents: Literal["last", "all"] = Field(
        "last",
        description="wordnet: one parent per synset (reproduces Table 4), or all of its parents",
    )
    is_a: FilePath | None = Field(
        None,
        description="wordnet: path of the full edge list (wordnet.is_a.txt); none: the edges above "
        "the 1000 ImageNet classes, which come with the package",
    )
