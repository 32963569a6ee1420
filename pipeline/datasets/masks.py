"""The check of object masks and ignore masks, which images of OpenImages have instead of boxes."""

from typing import Any

import numpy as np
import pandas as pd

from pipeline.datasets.check import SHOWN, Problems, in_threads, unlike_sizes
from pipeline.images.coco_masks import file_of
from pipeline.images.label_maps import read_label_map


def check_masks(records: pd.DataFrame, problems: Problems, workers: int = 2) -> dict[str, Any]:
    """Decode every mask; note the missing and the unreadable ones, count the strange ones.

    OpenImages' own masks are often larger than their images, so another size is no problem.

    Args:
        records: rows with ``masks``, ``ignore``, and the image's ``width`` and ``height`` (pixels;
            0 where it is unreadable).
        problems: where they are noted.
        workers: decoding threads.

    Returns:
        Counts for the summary, and the paths of the first masks without an object pixel.
    """
    owners = [
        (path, kind, (row.width, row.height))
        for row in records.itertuples()
        for kind, paths in (("object", row.masks), ("ignore", [row.ignore] * bool(row.ignore)))
        for path in paths
    ]
    found = in_threads(_decode, [path for path, _, _ in owners], workers)
    read = list(zip(owners, found, strict=True))
    missing = [path for (path, *_), mask in read if mask is None]
    problems.add("mask is missing", *missing)
    if missing:
        problems.hints.append(
            "Put the missing masks in place, or set `records: {masks: ...}` to the folder that "
            "their paths start from."
        )
    problems.add(
        "mask cannot be decoded; copy it anew",
        *(f"{path} ({mask})" for (path, *_), mask in read if isinstance(mask, str)),
    )
    read = [(owner, mask) for owner, mask in read if isinstance(mask, tuple) and owner[2][0]]
    sizes = np.array([mask[0] for _, mask in read]).reshape(-1, 2)
    images = np.array([size for (_, _, size), _ in read]).reshape(-1, 2)
    empty = [path for (path, kind, _), (_, any_pixel) in read if kind == "object" and not any_pixel]
    return {
        "masks": sum(kind == "object" for _, kind, _ in owners),
        "ignore_masks": sum(kind == "ignore" for _, kind, _ in owners),
        "without_masks": int((records["masks"].map(len) == 0).sum()),
        "masks_without_foreground": {"count": len(empty), "first": empty[:SHOWN]},
        **unlike_sizes(sizes, images, "masks"),
    }


def _decode(path: str) -> tuple[tuple[int, int], bool] | str | None:
    """Size and whether a pixel is set; what is wrong; or None where there is no file."""
    if not file_of(path).is_file():
        return None
    try:
        mask = read_label_map(path)
    except Exception as error:  # Pillow raises many types for broken files
        return str(error)
    return mask.shape[::-1], bool(mask.any())
