"""Tiny archives in the layouts in which CUB-200-2011, Pets and Pascal VOC are published, drawn."""

import hashlib
import shutil
import tarfile
from pathlib import Path

import numpy as np
from drawn_birds import draw_birds
from PIL import Image

SIZE = 40, 30  # width, height of the pictures of pets and VOC
BOX = 5, 8, 25, 20  # of their object: x0, y0, x1, y1, the latter two outside
OBJECT = np.zeros(SIZE[::-1], bool)
OBJECT[8:20, 5:25] = True

PETS = {  # as in the lists: name -> split
    "Abyssinian_1": "trainval", "Abyssinian_2": "test", "great_pyrenees_10": "trainval",
    "great_pyrenees_11": "test",
}  # fmt: skip
VOC = {  # name -> classes of its objects
    "2007_1": ("cat",), "2007_2": ("dog", "dog"), "2008_3": ("cat", "dog"), "2008_4": ("cat",),
    "2009_5": ("dog",),
}  # fmt: skip
VOC_SEGMENTED = "2007_1", "2007_2", "2008_3"
CLASSES = {"cat": 8, "dog": 12}


def pack(folder: Path, archive: Path, *names: str) -> str:
    """Pack what lies in a folder; the MD5 of the archive."""
    with tarfile.open(archive, "w" if archive.suffix == ".tar" else "w:gz") as tar:
        for name in names:
            tar.add(folder / name, name)
    return hashlib.md5(archive.read_bytes()).hexdigest()


def cub(folder: Path, out: Path) -> dict[str, str]:
    """CUB_200_2011.tgz and segmentations.tgz of drawn birds; name -> MD5."""
    root = draw_birds(folder).rename(folder / "CUB_200_2011")
    shutil.rmtree(root / "true_parts")  # which only drawn birds have
    for name in ("attributes.txt", "segmentations"):
        (root / name).rename(folder / name)
    return {
        name: pack(folder, out / name, *members)
        for name, members in {
            "CUB_200_2011.tgz": ("CUB_200_2011", "attributes.txt"),
            "segmentations.tgz": ("segmentations",),
        }.items()
    }


def pets(folder: Path, out: Path) -> dict[str, str]:
    """images.tar.gz and annotations.tar.gz."""
    (folder / "images").mkdir(parents=True)
    (folder / "annotations" / "trimaps").mkdir(parents=True)
    trimap = np.where(OBJECT, 1, 2).astype(np.uint8)
    trimap[8] = 3  # the border
    breeds = sorted({name.rpartition("_")[0] for name in PETS}, key=str.lower)
    lists: dict[str, list[str]] = {"trainval": [], "test": []}
    for name, split in PETS.items():
        photograph(folder / "images" / f"{name}.jpg")
        Image.fromarray(trimap).save(folder / "annotations" / "trimaps" / f"{name}.png")
        lists[split].append(f"{name} {breeds.index(name.rpartition('_')[0]) + 1} 1 1")
    (folder / "images" / "Abyssinian_100.mat").write_bytes(b"as in the published archive")
    for split, lines in lists.items():
        (folder / "annotations" / f"{split}.txt").write_text("\n".join(lines) + "\n")
    (folder / "annotations" / "list.txt").write_text("#Image CLASS-ID SPECIES BREED ID\n")
    return {
        f"{name}.tar.gz": pack(folder, out / f"{name}.tar.gz", name)
        for name in ("images", "annotations")
    }


def voc(folder: Path, out: Path, name: str) -> dict[str, str]:
    """The archive of the training and val images of 2012."""
    root = folder / "VOCdevkit" / "VOC2012"
    for part in ("Annotations", "ImageSets/Main", "ImageSets/Segmentation", "JPEGImages"):
        (root / part).mkdir(parents=True)
    (root / "SegmentationClass").mkdir()
    for image, classes in VOC.items():
        photograph(root / "JPEGImages" / f"{image}.jpg")
        objects = "".join(map(annotated, classes))
        text = f"<annotation><filename>{image}.jpg</filename>{objects}</annotation>"
        (root / "Annotations" / f"{image}.xml").write_text(text)
        if image in VOC_SEGMENTED:
            mask = np.where(OBJECT, CLASSES[classes[0]], 0).astype(np.uint8)
            mask[8] = 255
            picture = Image.fromarray(mask).convert("P")
            picture.putpalette([0, 0, 0, *(200 for _ in range(765))])
            picture.save(root / "SegmentationClass" / f"{image}.png")
    main = "\n".join([*list(VOC)[1:], ""])  # one of them is among the segmented ones as well
    (root / "ImageSets" / "Main" / "trainval.txt").write_text(main)
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("\n".join([*VOC_SEGMENTED, ""]))
    return {name: pack(folder, out / name, "VOCdevkit")}


def annotated(name: str) -> str:
    """An object of `BOX` with a part, as VOC writes it: pixels from 1, the last one inside."""
    x0, y0, x1, y1 = BOX
    box = f"<xmin>{x0 + 1}</xmin><ymin>{y0 + 1}.0</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
    part = "<part><name>head</name><bndbox><xmin>9</xmin></bndbox></part>"
    return f"<object><name>{name}</name><bndbox>{box}</bndbox>{part}</object>"


def photograph(path: Path) -> None:
    """A JPEG file of noise."""
    seed = int(hashlib.md5(path.name.encode()).hexdigest()[:8], 16)
    pixels = np.random.default_rng(seed).integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
