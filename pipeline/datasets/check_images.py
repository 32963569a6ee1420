"""The check of images: each is decoded, and what later stages cannot take is noted."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.datasets.check import Problems, counted, in_threads
from pipeline.images import opening
from pipeline.images.opening import ImageFault, opened

SHAPE_TOLERANCE = 0.02  # relative difference of two aspect ratios that rounding can explain
DARK = 4095  # largest value of 12 bits: as 16-bit pictures such images are almost black


class Picture(NamedTuple):
    """An image as the check finds it.

    Attributes:
        width, height: pixels, as the file stores it; 0 where it is unreadable.
        grey: it has no colours.
        orientation: EXIF's, 1 to 8; 1 needs no turning.
        brightest: largest value of an image of 16 bits per pixel; -1 of others.
        transparent: a pixel is not opaque.
        frames: it holds several pictures, of which the first is used.
    """

    width: int = 0
    height: int = 0
    grey: bool = False
    orientation: int = 1
    brightest: int = -1
    transparent: bool = False
    frames: bool = False


def check_images(records: pd.DataFrame, problems: Problems, workers: int = 2) -> pd.DataFrame:
    """Decode every image; record those that are missing or cannot be used.

    Args:
        records: rows with ``path`` and ``class_id``.
        problems: where they are noted.
        workers: decoding threads.

    Returns:
        The columns of `Picture`, indexed as ``records``.
    """
    paths = records["path"].tolist()
    found = in_threads(_decode, paths, workers)
    missing = [path for path, image in zip(paths, found, strict=True) if image is None]
    problems.add("image is missing", *missing)
    problems.add(
        "image cannot be decoded; copy it again, or take it out of the lists",
        *(
            f"{path} ({image})"
            for path, image in zip(paths, found, strict=True)
            if isinstance(image, str)
        ),
    )
    if missing:
        problems.hints.append(_missing_hint(records, found))
    pictures = [image if isinstance(image, Picture) else Picture() for image in found]
    table = pd.DataFrame(pictures, columns=list(Picture._fields), index=records.index)
    deep = table["brightest"][table["brightest"] >= 0]
    if len(deep) and deep.max() <= DARK:
        problems.add(
            "images have 16 bits per pixel but use few of them, so they would be almost black",
            f"largest value {deep.max()} of 65535 in {len(deep)} images, such as "
            f"{records['path'][deep.index[0]]}; scale them to 8 bits",
        )
    return table


def odd_images(images: pd.DataFrame) -> dict[str, Any]:
    """What is odd about images that can be used, for check.json.

    Args:
        images: rows with ``image_id`` and the columns of `Picture`.
    """
    ids = images["image_id"]
    large = images["width"] * images["height"] > opening.LARGE
    return {
        "grey_images": int(images["grey"].sum()),
        "images_of_16_bits_read_as_8": counted(ids[images["brightest"] >= 0]),
        f"transparent_images_laid_on_{opening.BACKGROUND}": counted(ids[images["transparent"]]),
        "images_of_several_frames_used_the_first": counted(ids[images["frames"]]),
        f"images_above_{opening.LARGE // 10**6}_megapixels": counted(ids[large]),
    }


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


def _decode(path: str) -> Picture | str | None:
    """What is in a file, or what is wrong with it; None if there is no file."""
    try:
        with opened(path) as image:
            width, height = image.size
            # An eighth of the resolution reads all the data of a JPEG, so that a truncated file is
            # found, and saves most of the arithmetic.
            image.draft(None, (max(width // 8, 1), max(height // 8, 1)))
            image.load()
            deep = opening.is_sixteen_bit(image)
            return opening.kind_fault(image) or Picture(
                width,
                height,
                grey=deep or image.mode in ("L", "1", "LA"),
                orientation=opening.orientation(image),
                brightest=int(np.asarray(image).max()) if deep else -1,
                transparent=opening.is_transparent(image),
                frames=image.format != "MPO" and getattr(image, "is_animated", False),
            )
    except FileNotFoundError:
        return None
    except ImageFault as error:
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
