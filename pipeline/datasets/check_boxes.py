"""The check of boxes: none is empty, outside its image, or given in fractions of it."""

import numpy as np
import pandas as pd

from pipeline.datasets.check import Problems

ONE = 1.01  # a coordinate up to it may be a fraction of the image, rounded
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
    in_one_pixel: list[str] = []
    columns = ("image_id", "boxes", "width", "height")
    for name, flat, width, height in zip(*(records[key] for key in columns), strict=True):
        boxes = np.array(flat, dtype=np.float64).reshape(-1, 4)
        if width:
            limit = np.array([width, height])
            tolerance = np.inf if name in KNOWN_WIDE_BOXES else BOX_TOLERANCE
            outside = (boxes[:, :2] < -tolerance) | (boxes[:, 2:] > limit + tolerance)
            empty = boxes[:, 2:] <= boxes[:, :2]
            fractions = (boxes >= 0).all(axis=1) & (boxes <= ONE).all(axis=1)
            problems.add(
                "box is empty or leaves its image (x0 y0 x1 y1)",
                *(
                    f"{name}: {' '.join(f'{edge:g}' for edge in box)} in {width} x {height}"
                    for box in boxes[(outside | empty).any(axis=1)]
                ),
            )
            in_one_pixel += [name] * bool(fractions.any())
            inside = np.clip(boxes, 0, np.tile(limit - 1, 2))
            cut += int((inside != boxes).any(axis=1).sum())
            boxes = inside
        checked.append(boxes.ravel())
    problems.add(
        "all coordinates are below 1: are these fractions of the image? Multiply x by the width "
        "and y by the height",
        *in_one_pixel,
    )
    return checked, cut
