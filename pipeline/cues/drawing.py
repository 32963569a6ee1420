"""The part maps of a data set: keypoints and foreground of every image -> its label map."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from pipeline import settings
from pipeline.artefacts.part_maps import PARTS, PartMaps
from pipeline.cues.part_maps import part_map, visible_parts
from pipeline.images.geometry import stored_part
from pipeline.images.label_maps import box_foreground, read_label_map, read_mask
from pipeline.runtime.errors import UserError
from pipeline.runtime.progress import track


def draw_part_maps(
    records: pd.DataFrame, section: settings.Cues, size: int, resize: str = "square"
) -> PartMaps:
    """The part map of every image of ``records``, as the image is stored in shards.

    Args:
        records: of the images.
        section: how cue masks are estimated.
        size: side of the maps, pixels.
        resize: ``images.resize`` of the shards; parts that it cuts away are not visible.

    Raises:
        UserError: an image lacks keypoints or the foreground that ``section`` asks for.
    """
    labels = np.zeros((len(records), size, size), dtype=np.uint8)
    visible = np.zeros((len(records), len(PARTS)), dtype=bool)
    has_truth = len(records) > 0 and all(records["true_parts"])
    truth = np.zeros_like(labels) if has_truth else None
    kinds: Counter[str] = Counter()
    shown = track(records.itertuples(), len(records), "part maps: images")
    for row, record in enumerate(shown):
        if len(record.keypoints) != 45:
            raise UserError(
                f"{record.image_id} has no keypoints (parts/part_locs.txt); cue masks need them. "
                "Complete the data set or set `cue_localization: false` for it."
            )
        part = stored_part((record.width, record.height), resize)
        keypoints = part.keypoints(np.reshape(record.keypoints, (15, 3)))
        kind, foreground = _foreground(record, section, size, resize)
        kinds[kind] += 1
        labels[row] = part_map(
            keypoints,
            part.size,
            (size, size),
            foreground,
            truncate=section.truncate_keypoints,
        )
        visible[row] = visible_parts(keypoints)
        if truth is not None:
            truth[row] = read_label_map(record.true_parts, (size, size), resize)
    return PartMaps(list(records["image_id"]), labels, visible, truth, dict(kinds))


def _foreground(
    record: Any, section: settings.Cues, size: int, resize: str
) -> tuple[str, np.ndarray | None]:
    """Kind of foreground and its mask (size, size), or None for the whole image."""
    wanted = section.foreground
    if record.segmentation and wanted in ("auto", "segmentation"):
        if section.segmentation_resize == "bicubic":
            return "segmentation", _bicubic(record.segmentation, size, resize)
        return "segmentation", read_mask(record.segmentation, (size, size), resize)
    if len(record.boxes) and wanted in ("auto", "box"):
        part = stored_part((record.width, record.height), resize)
        return "box", box_foreground(part.boxes(record.boxes), part.size, (size, size))
    if wanted in ("auto", "none"):
        return "none", None
    raise UserError(f"cues.foreground: {record.image_id} has no {wanted}; use 'auto'.")


def _bicubic(path: str, size: int, resize: str) -> np.ndarray:
    """A segmentation resized in grey levels, of which all above 0 count: bool (size, size)."""
    grey = Image.fromarray(read_label_map(path))
    box = stored_part(grey.size, resize).box
    return np.asarray(grey.resize((size, size), Image.Resampling.BICUBIC, box=box)) > 0
