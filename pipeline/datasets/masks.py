"""The check of object masks and ignore masks: each is decoded, as later stages will."""

from typing import Any

import numpy as np
import pandas as pd

from pipeline.datasets.check import Problems, counted, in_threads
from pipeline.datasets.check_images import unlike_sizes
from pipeline.images.label_maps import MaskFacts, file_of, mask_facts
from pipeline.images.opening import ImageFault
from pipeline.runtime.errors import UserError


def check_masks(
    records: pd.DataFrame, problems: Problems, workers: int = 2, *, turned: bool = False
) -> dict[str, Any]:
    """Decode every mask; note the missing and the unreadable ones, count the strange ones.

    OpenImages' own masks are often larger than their images, so another size is no problem.

    Args:
        records: rows with ``masks``, ``ignore``, and the image's ``width`` and ``height`` (pixels;
            0 where it is unreadable).
        problems: where they are noted.
        workers: decoding threads.
        turned: note also masks that have the height of their image as width, and its width as
            height: one of the two was turned.

    Returns:
        Counts for the summary, with the names of the first.
    """
    owners = [
        (name, kind, (row.width, row.height))
        for row in records.itertuples()
        for kind, names in (("object", row.masks), ("ignore", [row.ignore] * bool(row.ignore)))
        for name in names
    ]
    found = in_threads(_decode, [name for name, _, _ in owners], workers)
    both = list(zip(owners, found, strict=True))
    missing = [str(file_of(name)) for (name, *_), mask in both if mask is None]
    problems.add("mask is missing", *missing)
    if missing:
        problems.hints.append(
            "Put the missing masks in place, or set `records: {masks: ...}` to the folder that "
            "their paths start from."
        )
    problems.add(
        "mask cannot be read; copy or save it again",
        *(f"{file_of(name)} ({mask})" for (name, *_), mask in both if isinstance(mask, str)),
    )
    read = [(owner, mask) for owner, mask in both if isinstance(mask, MaskFacts) and owner[2][0]]
    if turned:
        problems.add(
            "mask is turned by a quarter against its image (width x height); turn one of the two, "
            "or correct `records: {orientation: ...}`",
            *(
                f"{file_of(name)}: {mask.size[0]} x {mask.size[1]}, its image {size[0]} x {size[1]}"
                for (name, _, size), mask in read
                if mask.size == size[::-1] != size
            ),
        )
    sizes = np.array([mask.size for _, mask in read]).reshape(-1, 2)
    images = np.array([size for (_, _, size), _ in read]).reshape(-1, 2)
    objects = [(name, mask) for (name, kind, _), mask in read if kind == "object"]
    empty = [name for name, mask in objects if not mask.any]
    _check_meaning(objects, len(empty), problems)
    return {
        "masks": sum(kind == "object" for _, kind, _ in owners),
        "ignore_masks": sum(kind == "ignore" for _, kind, _ in owners),
        "without_masks": int((records["masks"].map(len) == 0).sum()),
        "masks_without_foreground": counted(empty),
        "masks_that_cover_their_image": counted(name for name, mask in objects if mask.all),
        "masks_of_several_values_all_taken_as_the_object": counted(
            name for name, mask in objects if mask.unclear
        ),
        **unlike_sizes(sizes, images, "masks"),
    }


def _check_meaning(objects: list[tuple[str, MaskFacts]], empty: int, problems: Problems) -> None:
    """Note masks that cannot mean what is read from them."""
    unclear = [name for name, mask in objects if mask.no_background]
    if objects and len(unclear) == len(objects):
        problems.add(
            "masks have several values and none is 0, so that all of every image would be object; "
            "say which are: `records: {mask_values: {object: [...], ignore: [...]}}`",
            *unclear,
        )
    if objects and empty == len(objects):
        problems.add(
            "no mask has a pixel of the object; correct them, or `records: {mask_values: ...}`",
            *(name for name, _ in objects),
        )


def _decode(name: str) -> MaskFacts | str | None:
    """What is in a mask; what is wrong with it; or None where there is no file."""
    if not file_of(name).exists():
        return None
    try:
        return mask_facts(name)
    except (UserError, ImageFault) as error:
        return str(error)
