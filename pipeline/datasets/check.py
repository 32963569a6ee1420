"""The integrity check: everything that is wrong with a data set, in one message, before training.

Problems are collected by kind and raised together, so that a user mends them in one go.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.runtime.errors import UserError
from pipeline.runtime.progress import track

SHOWN = 20  # problems of a kind that the message lists
BATCH = 256  # images that a decoding thread takes at once: a job an image would fill the memory
SHAPE_TOLERANCE = 0.02  # relative difference of two aspect ratios that rounding can explain
BOX_TOLERANCE = 1.0  # pixels by which a box may leave its image: annotators round

# The boxes of these eight images of CUB-200-2011 leave their image by 2 to 32 pixels in the
# official files. They are cut at the border, as the WSOL benchmark does.
KNOWN_WIDE_BOXES = frozenset(
    {
        "018.Spotted_Catbird/Spotted_Catbird_0041_796807.jpg",
        "019.Gray_Catbird/Gray_Catbird_0032_21551.jpg",
        "022.Chuck_will_Widow/Chuck_Will_Widow_0051_796991.jpg",
        "059.California_Gull/California_Gull_0032_41335.jpg",
        "086.Pacific_Loon/Pacific_Loon_0034_75438.jpg",
        "106.Horned_Puffin/Horned_Puffin_0034_100895.jpg",
        "108.White_necked_Raven/White_Necked_Raven_0004_102714.jpg",
        "166.Golden_winged_Warbler/Golden_Winged_Warbler_0054_794847.jpg",
    }
)

# class_id, name, train, test: number of images of each class in the official lists
OFFICIAL_COUNTS = Path(__file__).parent / "cub_class_counts.csv"


@dataclass
class Problems:
    """Problems found so far, by kind; ``hints`` are printed after them."""

    by_kind: dict[str, list[str]] = field(default_factory=dict)
    hints: list[str] = field(default_factory=list)

    def add(self, kind: str, *items: str) -> None:
        """Note ``items`` of a kind; the kind is a heading such as 'images are missing'."""
        if items:
            self.by_kind.setdefault(kind, []).extend(items)

    def raise_if_any(self, root: str | Path) -> None:
        """Raise one UserError that lists all problems; do nothing where there are none."""
        if not self.by_kind:
            return
        lines = [f"The data set in {root} cannot be used as it is:"]
        for kind, items in self.by_kind.items():
            lines.append(f"{len(items)} x {kind}:")
            lines += [f"  {item}" for item in items[:SHOWN]]
            if len(items) > SHOWN:
                lines.append(f"  ... and {len(items) - SHOWN} more")
        raise UserError("\n".join(lines + self.hints))


def check_images(records: pd.DataFrame, problems: Problems, workers: int = 2) -> pd.DataFrame:
    """Decode every image; note the missing and the unreadable ones.

    Args:
        records: rows with ``path`` and ``class_id``.
        problems: where they are noted.
        workers: decoding threads.

    Returns:
        ``width``, ``height`` (pixels; 0 where unreadable) and ``grey`` (bool), indexed as
        ``records``.
    """
    found = in_threads(_decode, records["path"].tolist(), workers)
    missing = [path for path, image in zip(records["path"], found, strict=True) if image is None]
    problems.add("image is missing", *missing)
    problems.add(
        "image cannot be decoded; copy it anew, or take it out of the lists",
        *(
            f"{path} ({image})"
            for path, image in zip(records["path"], found, strict=True)
            if isinstance(image, str)
        ),
    )
    if missing:
        problems.hints.append(_missing_hint(records, found))
    sizes = [image if isinstance(image, tuple) else (0, 0, False) for image in found]
    return pd.DataFrame(sizes, columns=["width", "height", "grey"], index=records.index)


def in_threads(work: Callable, items: Sequence, workers: int) -> list:
    """``work`` of every item, in their order."""
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    with ThreadPoolExecutor(workers) as pool:
        done = pool.map(lambda batch: [work(item) for item in batch], batches)
        shown = track(done, len(items), "checked: files", size=len)
        return [result for batch in shown for result in batch]


def unlike_sizes(sizes: np.ndarray, expected: np.ndarray, what: str) -> dict[str, int]:
    """How many of N pictures are larger or smaller than expected, and how many are deformed.

    Args:
        sizes: (N, 2) width and height, pixels.
        expected: (N, 2), the same of what they belong to.
        what: a name for the pictures.

    Returns:
        ``{what}_of_another_size``, and among them ``{what}_of_another_shape``, whose aspect ratio
        differs by more than rounding does: they were cut or turned, and places on the one are
        other places on the other.
    """
    ratio = (sizes / expected).reshape(-1, 2)  # (N, 2)
    deformed = abs(ratio[:, 0] / ratio[:, 1] - 1) > SHAPE_TOLERANCE
    return {
        f"{what}_of_another_size": int((ratio != 1).any(axis=1).sum()),
        f"{what}_of_another_shape": int(deformed.sum()),
    }


def _decode(path: str) -> tuple[int, int, bool] | str | None:
    """Width, height and whether it is grey; what is wrong; or None where there is no file."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            # An eighth of the resolution reads all the data of a JPEG, so that a truncated file is
            # found, and saves most of the arithmetic.
            image.draft(None, (max(width // 8, 1), max(height // 8, 1)))
            image.load()
            return width, height, image.mode in ("L", "1", "LA")
    except FileNotFoundError:
        return None
    except Exception as error:  # Pillow raises many types for broken files
        return str(error)


def _missing_hint(records: pd.DataFrame, found: list) -> str:
    present = pd.Series([image is not None for image in found], index=records.index)
    whole = present.groupby(records["class_id"]).all()
    classes = whole.index[whole].tolist()
    if not classes:
        return "Put the images in place: none of the classes is complete."
    return (
        "Put the missing images in place, or use the classes that are complete: "
        f"`records: {{classes: '{class_ranges(classes)}'}}`."
    )


def class_ranges(classes: Iterable[int]) -> str:
    """Ascending class ids as text: [1, 2, 3, 7] -> '1-3,7'."""
    runs: list[list[int]] = []
    for number in classes:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def check_boxes(records: pd.DataFrame, problems: Problems) -> tuple[list[np.ndarray], int]:
    """Note boxes that are empty or leave their image; cut what sticks out at the last pixel.

    Cutting at width - 1 and height - 1 gives the boxes of the WSOL benchmark's metadata exactly,
    on all 11 788 images of CUB-200-2011.

    Args:
        records: rows with ``image_id``, ``boxes``, ``width``, ``height``; rows of width 0
            (unreadable images) are left as they are.
        problems: where they are noted.

    Returns:
        The boxes of each row, and how many were cut.
    """
    checked, cut = [], 0
    columns = ("image_id", "boxes", "width", "height")
    for name, flat, width, height in zip(*(records[key] for key in columns), strict=True):
        boxes = np.array(flat, dtype=np.float64).reshape(-1, 4)
        if width:
            limit = np.array([width, height])
            tolerance = np.inf if name in KNOWN_WIDE_BOXES else BOX_TOLERANCE
            outside = (boxes[:, :2] < -tolerance) | (boxes[:, 2:] > limit + tolerance)
            empty = boxes[:, 2:] <= boxes[:, :2]
            problems.add(
                "box is empty or leaves its image (x0 y0 x1 y1)",
                *(
                    f"{name}: {' '.join(f'{edge:g}' for edge in box)} in {width} x {height}"
                    for box in boxes[(outside | empty).any(axis=1)]
                ),
            )
            inside = np.clip(boxes, 0, np.tile(limit - 1, 2))
            cut += int((inside != boxes).any(axis=1).sum())
            boxes = inside
        checked.append(boxes.ravel())
    return checked, cut


def check_classes(
    records: pd.DataFrame,
    classes: pd.DataFrame,
    problems: Problems,
    splits: Sequence[str] = ("train", "test"),
) -> None:
    """Note classes without an image, and counts unlike the official ones of CUB-200-2011.

    Args:
        records: rows with ``class_id`` and ``split``.
        classes: rows with ``class_id`` and ``name``, the selected classes.
        problems: where they are noted.
        splits: those in which each class must have an image. The official counts are held against
            a data set only if they are train and test.
    """
    counts = pd.crosstab(records["class_id"], records["split"]).reindex(
        index=classes["class_id"], columns=list(splits), fill_value=0
    )
    names = classes.set_index("class_id")["name"]
    for split in counts:
        problems.add(
            f"class has no {split} image", *names[counts.index[counts[split] == 0]].tolist()
        )
    official = _official_counts()
    # a folder whose class has the official name is CUB-200-2011, or was made from it
    named = any(official.get(number, ("",))[0] == name for number, name in names.items())
    if not named or not {"train", "test"} <= set(splits):
        return
    for number, name in names.items():
        expected = official.get(number)
        here = (name, int(counts.train[number]), int(counts.test[number]))
        if expected is not None and here != expected:
            problems.add(
                "class unlike CUB-200-2011 (name, training, test images)",
                f"class {number}: {here[0]}, {here[1]}, {here[2]}; official: "
                f"{expected[0]}, {expected[1]}, {expected[2]}",
            )


def _official_counts() -> dict[int, tuple[str, int, int]]:
    with OFFICIAL_COUNTS.open(newline="") as stream:
        return {
            int(row["class_id"]): (row["name"], int(row["train"]), int(row["test"]))
            for row in csv.DictReader(stream)
        }
