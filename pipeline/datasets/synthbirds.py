"""SynthBirds: birds drawn from a seed, written in the folder layout of CUB-200-2011.

Besides what CUB has, the folder holds the true mask of every part (`true_parts/`), which no real
data set has, so that estimated cue masks can be scored, and `drawn.json`: what was drawn.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from pipeline.artefacts.files import (
    canonical_json,
    reason,
    sha256,
    temporary_beside,
    write_plain_json,
)
from pipeline.datasets.synthbirds_classes import (
    ATTRIBUTES_FILE,
    FAMILY_SIZE,
    PARTS,
    Genotype,
    attribute_percentages,
    differing_parts,
    genotypes,
)
from pipeline.datasets.synthbirds_draw import draw_bird
from pipeline.datasets.synthbirds_pose import KEYPOINT_PARTS
from pipeline.runtime.errors import UserError
from pipeline.runtime.orphans import end_with_parent
from pipeline.runtime.progress import track
from pipeline.settings import SynthBirds

JPEG_QUALITY = 95


class Picture(NamedTuple):
    """One image to draw."""

    number: int  # image id, from 1
    name: str  # '<class folder>/<file>.jpg'
    class_id: int
    genotype: Genotype


def draw(section: SynthBirds, out: str | Path, *, workers: int = 1) -> dict[str, Any]:
    """Draw the data set into folder ``out``, which appears when it is whole.

    The bytes depend on the section alone, not on the number of workers.

    Returns:
        The manifest: ``images``, ``train``, ``test``, ``classes``, ``files``, ``bytes`` and
        ``sha256``, one checksum over the names and contents of all files.

    Raises:
        UserError: the folder cannot be written, or holds something else.
    """
    looks = genotypes(section)
    pictures = list(_pictures(section, looks))
    with _whole_folder(Path(out)) as root:
        _write_lists(root, section, looks, pictures)
        draw_one = partial(_draw_one, root, section)
        if workers == 1:
            rows = list(track(map(draw_one, pictures), len(pictures), "birds"))
        else:
            spawn = get_context("spawn")
            with ProcessPoolExecutor(workers, spawn, initializer=end_with_parent) as pool:
                drawn = pool.map(draw_one, pictures, chunksize=8)
                rows = list(track(drawn, len(pictures), "birds"))
        _write_lines(root / "bounding_boxes.txt", (box for box, _ in rows))
        _write_lines(root / "parts" / "part_locs.txt", (line for _, part in rows for line in part))
        return _manifest(root, section)


def _pictures(section: SynthBirds, looks: list[Genotype]) -> Iterator[Picture]:
    """All images, class by class, a class's training images first."""
    number = 0
    for class_id, genotype in enumerate(looks, start=1):
        name = class_name(section, class_id)
        for index in range(1, section.train_images + section.test_images + 1):
            number += 1
            file = f"{class_id:03d}.{name}/{name}_{index:04d}.jpg"
            yield Picture(number, file, class_id, genotype)


def class_name(section: SynthBirds, class_id: int) -> str:
    """Name of a class; with a pair structure it says the family and the member."""
    if not section.pair_structure:
        return f"Synthbird_{class_id}"
    family, member = divmod(class_id - 1, FAMILY_SIZE)
    return f"Family_{family + 1}_Synthbird_{member + 1}"


def _draw_one(root: Path, section: SynthBirds, picture: Picture) -> tuple[str, list[str]]:
    """Draw and write one image; return its lines of bounding_boxes.txt and part_locs.txt."""
    rng = np.random.default_rng([section.seed, 1, picture.number])
    drawn = draw_bird(picture.genotype, section.size, rng)
    mask = Path(picture.name).with_suffix(".png")
    Image.fromarray(drawn.image).save(root / "images" / picture.name, quality=JPEG_QUALITY)
    Image.fromarray(drawn.parts).save(root / "true_parts" / mask)
    foreground = (drawn.parts > 0).astype(np.uint8) * 255
    Image.fromarray(foreground).save(root / "segmentations" / mask)
    rows, columns = (np.flatnonzero(drawn.parts.any(axis=axis)) for axis in (1, 0))
    x, y = columns[0], rows[0]
    box = f"{picture.number} {x}.0 {y}.0 {columns[-1] + 1 - x}.0 {rows[-1] + 1 - y}.0"
    parts = [
        f"{picture.number} {part} {x:.1f} {y:.1f} {int(visible)}"
        for part, (x, y, visible) in enumerate(drawn.keypoints, start=1)
    ]
    return box, parts


def _write_lists(
    root: Path, section: SynthBirds, looks: list[Genotype], pictures: list[Picture]
) -> None:
    """Everything that is known before drawing, and the folders."""
    for picture in pictures[:: section.train_images + section.test_images]:
        for folder in ("images", "segmentations", "true_parts"):
            (root / folder / picture.name).parent.mkdir(parents=True)
    for folder in ("parts", "attributes"):
        (root / folder).mkdir()
    names = [class_name(section, number) for number in range(1, len(looks) + 1)]
    images = section.train_images + section.test_images
    _write_lines(root / "images.txt", (f"{picture.number} {picture.name}" for picture in pictures))
    _write_lines(
        root / "image_class_labels.txt",
        (f"{picture.number} {picture.class_id}" for picture in pictures),
    )
    _write_lines(
        root / "train_test_split.txt",
        (
            f"{picture.number} {int((picture.number - 1) % images < section.train_images)}"
            for picture in pictures
        ),
    )
    _write_lines(
        root / "classes.txt", (f"{n} {n:03d}.{name}" for n, name in enumerate(names, start=1))
    )
    _write_lines(
        root / "parts" / "parts.txt", (f"{n} {name}" for n, name in enumerate(KEYPOINT_PARTS, 1))
    )
    shutil.copyfile(ATTRIBUTES_FILE, root / "attributes.txt")
    _write_lines(
        root / "attributes" / "class_attribute_labels_continuous.txt",
        (" ".join(map(str, attribute_percentages(genotype))) for genotype in looks),
    )
    pairs = Counter(len(differing_parts(*pair)) for pair in combinations(looks, 2))
    write_plain_json(
        root / "drawn.json",
        {
            "section": section.model_dump(mode="json"),
            "classes": {
                f"{number:03d}.{name}": {
                    part: " ".join(look) for part, look in zip(PARTS, genotype, strict=True)
                }
                for number, (name, genotype) in enumerate(zip(names, looks, strict=True), start=1)
            },
            "pairs_by_differing_parts": {str(parts): pairs[parts] for parts in sorted(pairs)},
        },
    )


def _write_lines(path: Path, lines: Iterator[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """A temporary folder next to ``out`` that takes its place if the block succeeds."""
    if out.is_dir() and any(out.iterdir()) and not (out / "drawn.json").exists():
        raise UserError(
            f"{out} holds files that are not SynthBirds and would be lost; choose another folder."
        )
    temporary = temporary_beside(out)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.sync()  # the hundreds of files at once, before a power failure can meet their new name
        shutil.rmtree(out, ignore_errors=True)
        temporary.rename(out)
    except OSError as error:
        raise UserError(f"Cannot write the folder {out}: {reason(error)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _manifest(root: Path, section: SynthBirds) -> dict[str, Any]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    sums = {path.relative_to(root).as_posix(): sha256(path) for path in files}
    return {
        "classes": section.classes,
        "images": section.classes * (section.train_images + section.test_images),
        "train": section.classes * section.train_images,
        "test": section.classes * section.test_images,
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
        "sha256": hashlib.sha256(canonical_json(sums).encode()).hexdigest(),
    }
