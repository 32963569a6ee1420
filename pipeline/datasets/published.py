"""Published data sets that can be fetched: their archives, terms, and the layout they are put in.

Addresses are those of torchvision's own data sets; it has none of CUB-200-2011. An arrangement
moves what was unpacked into a folder that a reader of the project takes (docs/datasets.md).
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from pipeline.runtime.errors import UserError


@dataclass(frozen=True)
class Archive:
    """One file of a published data set.

    Attributes:
        name: of the file, which says how it is packed.
        md5: checksum that its publisher or torchvision gives.
        size: bytes.
        url: its address where torchvision knows one; None: the user says where it is.
        optional: the data set can be used without it.
    """

    name: str
    md5: str
    size: int
    url: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class Published:
    """A data set that others publish.

    Attributes:
        title: its name, and what it holds.
        terms: what its publishers allow.
        unpacked: bytes of the folder, about.
        folder: where configs expect it.
        archives: gives its files.
        arrange: from the folder of what was unpacked and a new, empty folder: fills the latter.
        keys: lines of a config below the name of the data set, besides `root`.
    """

    title: str
    terms: str
    unpacked: int
    folder: Path
    archives: Callable[[], tuple[Archive, ...]]
    arrange: Callable[[Path, Path], None]
    keys: tuple[str, ...] = ()


def _cub_archives() -> tuple[Archive, ...]:
    return (
        Archive("CUB_200_2011.tgz", "97eceeb196236b17998738112f37df78", 1_150_585_339),
        Archive("segmentations.tgz", "4d47ba1228eae64f2fa547c47bc65255", 39_272_883, optional=True),
    )


def arrange_cub(unpacked: Path, root: Path) -> None:
    """As it is published, with what the archives hold next to its folder moved into it."""
    _move_all(_there(unpacked / "CUB_200_2011"), root)
    for name in ("attributes.txt", "segmentations"):
        if (unpacked / name).exists():
            os.replace(unpacked / name, root / name)


def _pets_archives() -> tuple[Archive, ...]:
    from torchvision.datasets import OxfordIIITPet

    sizes = {"images.tar.gz": 791_918_971, "annotations.tar.gz": 19_173_078}
    found = ((url.rpartition("/")[2], url, md5) for url, md5 in OxfordIIITPet._RESOURCES)
    return tuple(Archive(name, md5, sizes[name], url) for name, url, md5 in found)


def arrange_pets(unpacked: Path, root: Path) -> None:
    """Layout `folder`: the published training and test images by breed, trimaps as masks."""
    for split, name in (("train", "trainval"), ("test", "test")):
        for line in _lines(unpacked / "annotations" / f"{name}.txt"):
            image = line.split()[0]
            breed = image.rpartition("_")[0]
            _put(unpacked / "images" / f"{image}.jpg", root / split / breed)
            _put(
                unpacked / "annotations" / "trimaps" / f"{image}.png",
                root / "masks" / split / breed,
            )


def _voc_archives() -> tuple[Archive, ...]:
    from torchvision.datasets.voc import DATASET_YEAR_DICT

    about = DATASET_YEAR_DICT["2012"]
    return (Archive(about["filename"], about["md5"], 1_999_639_040, about["url"]),)


def arrange_voc(unpacked: Path, root: Path) -> None:
    """Layout `folder`: images that show objects of one class alone, with their boxes and masks.

    The test images are the segmented ones of VOC's val split, the training images all others that
    have boxes: the labels of VOC's own test images are not published.
    """
    voc = _there(unpacked / "VOCdevkit" / "VOC2012")
    test = _lines(voc / "ImageSets" / "Segmentation" / "val.txt")
    train = [*_lines(voc / "ImageSets" / "Main" / "trainval.txt")]
    images = {image: "train" for image in train} | {image: "test" for image in test}
    rows = ["image_id,x0,y0,x1,y1"]
    for image, split in images.items():
        objects = [*_objects(voc / "Annotations" / f"{image}.xml")]
        names = {name for name, _ in objects}
        if len(names) != 1:
            continue
        (name,) = names
        _put(voc / "JPEGImages" / f"{image}.jpg", root / split / name)
        rows += (f"{split}/{name}/{image}.jpg,{','.join(map(str, box))}" for _, box in objects)
        if split == "test":
            _put(voc / "SegmentationClass" / f"{image}.png", root / "masks" / split / name)
    (root / "boxes.csv").write_text("\n".join(rows) + "\n")


def _objects(path: Path) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Class and box of each object of an image; VOC counts pixels from 1, and both ends belong."""
    for found in ElementTree.parse(_there(path)).iter("object"):
        x0, y0, x1, y1 = (
            round(float(found.findtext(f"bndbox/{end}", "")))
            for end in ("xmin", "ymin", "xmax", "ymax")
        )
        yield found.findtext("name", ""), (x0 - 1, y0 - 1, x1, y1)


def _lines(path: Path) -> Iterator[str]:
    """The lines of a list that are neither empty nor a comment."""
    for line in _there(path).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def _put(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.replace(_there(file), folder / file.name)


def _move_all(source: Path, target: Path) -> None:
    for path in source.iterdir():
        os.replace(path, target / path.name)


def _there(path: Path) -> Path:
    if not path.exists():
        raise UserError(
            f"The archives lack {path.name}, which the data set has as it is published "
            f"({path}). Look what they hold, and give other addresses by --url."
        )
    return path


PUBLISHED = {
    "cub": Published(
        title="CUB-200-2011: 11 788 photographs of 200 species of birds, with boxes, keypoints and "
        "attributes; segmentations.tgz, a second file, has masks",
        terms="for research and teaching that are not commercial; the photographs belong to the "
        "people who took them",
        unpacked=1_250_000_000,
        folder=Path("data/CUB_200_2011"),
        archives=_cub_archives,
        arrange=arrange_cub,
    ),
    "pets": Published(
        title="Oxford-IIIT Pet: 7 349 photographs of 37 breeds of cats and dogs, with trimaps",
        terms="CC BY-SA 4.0; the photographs belong to the people who took them",
        unpacked=820_000_000,
        folder=Path("data/pets"),
        archives=_pets_archives,
        arrange=arrange_pets,
        keys=(
            "records: {layout: folder, mask_values: {object: [1], ignore: [3]}}",
            "cue_localization: false",
        ),
    ),
    "voc": Published(
        title="Pascal VOC 2012: photographs with boxes and masks of 20 classes; those that show "
        "objects of one class alone are kept",
        terms="the terms of use of Flickr, where the photographs come from",
        unpacked=2_000_000_000,
        folder=Path("data/voc"),
        archives=_voc_archives,
        arrange=arrange_voc,
        keys=(
            "records: {layout: folder, mask_values: {ignore: [255]}}",
            "cue_localization: false",
        ),
    ),
}
