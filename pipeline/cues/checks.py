"""Counts of the cues stage, and how well estimated cue masks agree with true ones."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from pipeline.artefacts.part_maps import PartMaps


def check(pairs: pd.DataFrame, records: pd.DataFrame, maps: PartMaps) -> dict[str, Any]:
    """Counts, and where the true parts are known the IoU of estimated with true cue masks.

    ``iou`` is by number of differing parts the mean over image-pair combinations, of those in
    which a differing part is visible; a combination without a cue pixel in either mask is left out.
    """
    by_parts = [str(number) for number in sorted(set(pairs["n_parts"]))]
    used: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    overlaps: dict[str, list[float]] = {number: [] for number in by_parts}
    labels = records["label"].to_numpy()
    if maps.truth is not None:
        # (N, 8, 8) pixels by estimated and true part: every pair's IoU is a sum over it
        joint = [
            np.bincount(8 * a.ravel() + b.ravel(), minlength=64).reshape(8, 8)
            for a, b in zip(maps.labels, maps.truth, strict=True)
        ]
    for pair in pairs.itertuples():
        number = str(pair.n_parts)
        parts = list(pair.parts)
        rows = np.flatnonzero((labels == pair.label_a) | (labels == pair.label_b))
        shown = maps.visible[rows][:, np.array(parts) - 1].any(axis=1)
        used[number] += int(shown.sum())
        skipped[number] += int((~shown).sum())
        for row in rows[shown] if maps.truth is not None else ():
            both = joint[row][np.ix_(parts, parts)].sum()
            either = joint[row][parts].sum() + joint[row][:, parts].sum() - both
            if either:
                overlaps[number].append(both / either)
    result = {
        "pairs": {number: int((pairs["n_parts"] == int(number)).sum()) for number in by_parts},
        "images": len(maps.image_ids),
        "images_without_visible_part": int((~maps.visible.any(axis=1)).sum()),
        "image_pairs": dict(used),
        "image_pairs_skipped": dict(skipped),
        "foreground": maps.foreground,
    }
    if maps.truth is not None:
        result["iou"] = {
            number: {"mean": float(np.mean(found)), "image_pairs": len(found)}
            for number, found in overlaps.items()
            if found
        }
    return result
