"""Where the object is on the stored square: its boxes, and the pixels of its masks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.artefacts.records import read_records
from pipeline.images.geometry import stored_part
from pipeline.images.label_maps import read_mask

IGNORED = 255  # label of pixels that count neither as object nor as background


@dataclass(frozen=True)
class Truth:
    """The images of a split that localisation can be measured on.

    Attributes:
        records: of N images, each with a box or a mask.
        boxes: (K, 4) int64 of each image; K = 0 where it has masks alone.
        masks: paths of the object's masks of each image; none where it has boxes alone.
        size: side of the square, pixels.
        resize: ``images.resize`` of the shards.
        details: how many images and boxes were left out.
    """

    records: pd.DataFrame
    boxes: list[np.ndarray]
    masks: list[list[str]]
    size: int
    resize: str
    details: dict[str, int]

    @classmethod
    def read(cls, path: str | Path, size: int, resize: str, segmentation: bool) -> "Truth":
        """Read the records of a split.

        Args:
            path: of the records.
            size: side of the square, pixels.
            resize: ``images.resize`` of the shards.
            segmentation: see :func:`object_masks`.

        Raises:
            UserError: the records cannot be read.
        """
        records = read_records(path)
        boxes = stored_boxes(records, size, resize)
        masks = [object_masks(record, segmentation) for record in records.itertuples()]
        found = [len(each) > 0 or len(paths) > 0 for each, paths in zip(boxes, masks, strict=True)]
        details = {
            "images": sum(found),
            "images_without_boxes": sum(len(each) == 0 for each in boxes),
            "boxes_cut_away": int(records["boxes"].map(len).sum()) // 4 - sum(map(len, boxes)),
            "size": size,
        }
        chosen = [row for row, present in enumerate(found) if present]
        return cls(
            records.iloc[chosen],
            [boxes[row] for row in chosen],
            [masks[row] for row in chosen],
            size,
            resize,
            details,
        )

    def with_boxes(self) -> "Truth":
        """The images that have a box, without their masks."""
        chosen = [row for row, boxes in enumerate(self.boxes) if len(boxes)]
        return replace(
            self,
            records=self.records.iloc[chosen],
            boxes=[self.boxes[row] for row in chosen],
            masks=[[] for _ in chosen],
        )

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Boxes (K, 4) of each image, and labels of its pixels (S, S), or None without masks.

        Raises:
            UserError: a mask is missing or no image.
        """
        for boxes, masks, ignore in zip(
            self.boxes, self.masks, self.records["ignore"], strict=True
        ):
            labels = mask_labels(masks, ignore, self.size, self.resize) if masks else None
            yield boxes, labels


def stored_boxes(records: pd.DataFrame, size: int, resize: str) -> list[np.ndarray]:
    """The boxes of every image on its stored square: (K, 4) int64 each, K = 0 where none is left.

    Args:
        records: columns boxes, width and height.
        size: side of the square, pixels.
        resize: ``images.resize`` of the shards.

    Returns:
        x0, y0, x1, y1, cut to whole pixels.
    """
    return [
        stored_part((record.width, record.height), resize)
        .stored_boxes(record.boxes, size)
        .astype(np.int64)
        for record in records.itertuples()
    ]


def object_masks(record: Any, segmentation: bool) -> list[str]:
    """Paths of the masks whose union is the object.

    Args:
        record: a row of the records, with masks and segmentation.
        segmentation: the segmentation counts as a mask where there are none of instances.
    """
    if segmentation and record.segmentation and not len(record.masks):
        return [record.segmentation]
    return list(record.masks)


def mask_labels(masks: Sequence[str], ignore: str, size: int, resize: str) -> np.ndarray:
    """The labels of an image's pixels on the stored square.

    Masks are resized to the nearest pixel. Where the ignore mask covers the object, the object
    counts, as in the WSOL benchmark (Choe et al., "Evaluating Weakly Supervised Object Localization
    Methods Right", CVPR 2020).

    Args:
        masks: names of the object's masks, see :func:`pipeline.images.label_maps.read_mask`.
        ignore: name of the mask of pixels to leave out, or "".
        size: side S of the square, pixels.
        resize: ``images.resize`` of the shards.

    Returns:
        (S, S) uint8: 1 object, 0 background, `IGNORED`.

    Raises:
        UserError: a mask is missing or no image.
    """
    square = (size, size)
    labels = np.zeros(square, np.uint8)
    if ignore:
        labels[read_mask(ignore, square, resize)] = IGNORED
    for path in masks:
        labels[read_mask(path, square, resize)] = 1
    return labels
