"""Where people looked in a data set's images: lists of fixations -> rows, checked.

A list is a CSV file, for any layout of images; or the folder of CUB-GHA (Rong et al., "Human
Attention in Fine-grained Classification", BMVC 2021), for the layout of CUB-200-2011.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from pipeline.artefacts.fixations import SCHEMA
from pipeline.datasets.check import Problems
from pipeline.datasets.lists import read_column, read_rows, read_text
from pipeline.runtime.errors import UserError

HEADER = "image_id,viewer,x,y,duration"
RUNS = "Fixation_run*.txt"  # of CUB-GHA: image number, width, height, then x, y, ms of each
TOLERANCE = 1.0  # pixels by which a fixation may leave its image: trackers round


def read_gaze(source: str | Path, root: str | Path, images: pd.DataFrame) -> pd.DataFrame:
    """The fixations of some images.

    Args:
        source: CSV file with the first line `HEADER`, in which x and y are pixels of the image and
            durations milliseconds; or the folder of CUB-GHA.
        root: folder of the data set, whose images.txt numbers the images of CUB-GHA.
        images: ``image_id``, ``width`` and ``height``; fixations of others are left out.

    Returns:
        Columns of `pipeline.artefacts.fixations.SCHEMA`, in the order of the lists.

    Raises:
        UserError: a list is missing or wrong: every problem found, in one message.
    """
    problems = Problems()
    found = checked_gaze(source, root, images, problems)
    problems.raise_if_any(source)
    return found


def checked_gaze(
    source: str | Path, root: str | Path, images: pd.DataFrame, problems: Problems
) -> pd.DataFrame:
    """As :func:`read_gaze`, but what is wrong is noted in ``problems``."""
    source = Path(source)
    if source.is_dir():
        rows = list(_cub_gha(source, Path(root), images, problems))
    elif source.is_file():
        types = (str, str, float, float, float)
        rows = read_rows(source, types, problems, comma=True, header=HEADER)
    else:
        problems.add("list of fixations is missing (`gaze`)", str(source))
        rows = []
    fixations = pd.DataFrame(rows, columns=SCHEMA.names).astype({"image_id": str, "viewer": str})
    sizes = images.drop_duplicates("image_id").set_index("image_id")[["width", "height"]]
    fixations = fixations[fixations["image_id"].isin(sizes.index)]
    size = sizes.loc[fixations["image_id"]].to_numpy()  # (F, 2)
    places = fixations[["x", "y"]].to_numpy(float)
    outside = ((places < -TOLERANCE) | (places > size + TOLERANCE)).any(axis=1)
    problems.add(
        "fixation lies outside its image",
        *(
            f"{row.image_id}, viewer {row.viewer}: {row.x:g} {row.y:g}"
            for row in fixations[outside & (size > 0).all(axis=1)].itertuples()
        ),
    )
    short = ~(fixations["duration"].to_numpy(float) > 0)
    problems.add(
        "fixation lasts no time",
        *(f"{row.image_id}, viewer {row.viewer}" for row in fixations[short].itertuples()),
    )
    if not len(fixations):
        problems.add("list has no fixation of any test image (`gaze`)", str(source))
    return fixations.reset_index(drop=True)


def _cub_gha(
    folder: Path, root: Path, images: pd.DataFrame, problems: Problems
) -> Iterator[tuple[str, str, float, float, float]]:
    files = sorted(folder.glob(RUNS))
    if not files:
        problems.add(f"folder of fixations has no {RUNS} (`gaze`)", str(folder))
        return
    if not (root / "images.txt").is_file():
        raise UserError(
            f"`gaze`: {folder} is in the format of CUB-GHA, which numbers the images of "
            f"CUB-200-2011, and {root} has no images.txt. Give a CSV file with the first line "
            f"{HEADER}."
        )
    names = read_column(root / "images.txt", (int, str), problems)
    sizes = dict(
        zip(images["image_id"], zip(images["width"], images["height"], strict=True), strict=True)
    )
    for path in files:
        viewer = path.stem.removeprefix("Fixation_")
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            try:
                number_of, width, height, *rest = _finite(line)
                triples = list(zip(*(rest[first::3] for first in range(3)), strict=True))
            except ValueError:
                problems.add(
                    "malformed line",
                    f"{path}, line {number}: {line[:80]!r}, expected image, width, height, and x, "
                    "y, duration of each fixation",
                )
                continue
            name = names.get(int(number_of))
            if name not in sizes:
                continue  # of another class or split
            if all(sizes[name]) and (width, height) != sizes[name]:
                problems.add(
                    "fixations are of an image of another size",
                    f"{path}, line {number}: {width:g} x {height:g}, {name} has "
                    f"{' x '.join(map(str, sizes[name]))}",
                )
            for triple in triples:
                yield (name, viewer, *triple)


def _finite(line: str) -> list[float]:
    numbers = [float(text) for text in line.split(",")]
    if not all(map(math.isfinite, numbers)):
        raise ValueError
    return numbers
