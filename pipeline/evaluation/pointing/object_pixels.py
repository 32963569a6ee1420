"""The pixels of the object on the stored image: inside its boxes, or in its masks."""

from typing import Any, NamedTuple

import numpy as np

from pipeline.evaluation.localisation.wsol_truth import IGNORED, mask_labels, object_masks
from pipeline.images.geometry import stored_part
from pipeline.images.label_maps import box_foreground


class ObjectPixels(NamedTuple):
    """Where the object is, and which pixels count at all: bool (S, S) each."""

    inside: np.ndarray
    counted: np.ndarray


def object_pixels(record: Any, size: int, resize: str, region: str) -> ObjectPixels:
    """The object of an image; no pixel is inside where the record has none.

    Args:
        record: a row of the records, with boxes, width, height, masks, ignore and segmentation.
        size: side S of the stored image, pixels.
        resize: ``images.resize`` of the shards.
        region: ``"box"``: the pixels whose centres lie in any of the boxes, and all pixels count;
            ``"mask"``: the instance masks, or else the segmentation, and what is ignored outside
            the object does not count.

    Raises:
        UserError: a mask cannot be read.
    """
    if region == "box":
        part = stored_part((record.width, record.height), resize)
        boxes = part.stored_boxes(record.boxes, size)  # (K, 4)
        inside = box_foreground(boxes.ravel(), (size, size), (size, size))
        return ObjectPixels(inside, np.ones_like(inside))
    labels = mask_labels(object_masks(record, segmentation=True), record.ignore, size, resize)
    return ObjectPixels(labels == 1, labels != IGNORED)
