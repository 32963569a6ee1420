"""Stage 3: estimated cue masks from attributes and keypoints (paper, section 5.2).

The cue for class A instead of B is where the parts are whose attributes differ. Every pixel of an
image's foreground belongs to its nearest visible part, which gives one label map an image; the cue
mask of a class pair is a look-up in it.
"""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import settings
from pipeline.cli import add_section, main, parser, read_section
from pipeline.cue_parts import PARTS, attribute_parts, class_pairs
from pipeline.datasets.records import read_records
from pipeline.errors import UserError
from pipeline.files import atomic_path, write_json
from pipeline.geometry import RESIZES, stored_part
from pipeline.part_maps import (
    PartMaps,
    box_foreground,
    cue_mask,
    part_map,
    part_table,
    read_label_map,
    visible_parts,
)
from pipeline.progress import track

__all__ = [
    "PartMaps",
    "attribute_parts",
    "class_pairs",
    "cue_mask",
    "part_map",
    "part_table",
    "read_pairs",
    "visible_parts",
]

log = logging.getLogger(__name__)


def read_pairs(path: str | Path) -> pd.DataFrame:
    """Read pairs.csv: class_a, class_b, label_a, label_b, parts (tuple of ids), n_parts."""
    try:
        pairs = pd.read_csv(path, dtype={"parts": str})
        pairs["parts"] = [tuple(int(part) for part in text.split(";")) for text in pairs["parts"]]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"Cannot read the pairs {path} ({error}). Run the cues stage again.") from (
            error
        )
    return pairs


def select_pairs(pairs: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """The pairs whose two classes are both selected, with their labels.

    Args:
        pairs: from :func:`class_pairs`.
        classes: columns label and class_id.

    Returns:
        class_a, class_b, label_a, label_b, parts, n_parts; in the order of ``pairs``.

    Raises:
        UserError: there is none.
    """
    label_of = dict(zip(classes["class_id"], classes["label"], strict=True))
    chosen = pairs["class_a"].isin(label_of) & pairs["class_b"].isin(label_of)
    if not chosen.any():
        raise UserError(
            f"No two of the {len(label_of)} selected classes differ in few enough parts: select "
            "more classes (records.classes), raise cues.max_parts, or set `cues: false`."
        )
    selected = pairs[chosen].reset_index(drop=True)
    return pd.DataFrame(
        {
            "class_a": selected["class_a"],
            "class_b": selected["class_b"],
            "label_a": selected["class_a"].map(label_of),
            "label_b": selected["class_b"].map(label_of),
            "parts": selected["parts"],
            "n_parts": selected["parts"].map(len),
        }
    )


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
                "Complete the data set or set `cues: false` for it."
            )
        part = stored_part((record.width, record.height), resize)
        keypoints = part.keypoints(np.reshape(record.keypoints, (15, 3)))
        kind, foreground = _foreground(record, section.foreground, size, resize)
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


def _foreground(record: Any, wanted: str, size: int, resize: str) -> tuple[str, np.ndarray | None]:
    """Kind of foreground and its mask (size, size), or None for the whole image."""
    if record.segmentation and wanted in ("auto", "segmentation"):
        return "segmentation", read_label_map(record.segmentation, (size, size), resize) > 0
    if len(record.boxes) and wanted in ("auto", "box"):
        part = stored_part((record.width, record.height), resize)
        return "box", box_foreground(part.boxes(record.boxes), part.size, (size, size))
    if wanted in ("auto", "none"):
        return "none", None
    raise UserError(f"cues.foreground: {record.image_id} has no {wanted}; use 'auto'.")


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


def run(argv: list[str]) -> None:
    """Write the class pairs, the part maps of their test images, and a report of checks."""
    arguments = parser("pipeline.cues", "Estimate cue masks from attributes and keypoints.")
    add_section(arguments, settings.Cues)
    arguments.add_argument("--root", required=True, help="folder in the layout of CUB-200-2011")
    arguments.add_argument("--records", required=True, help="records of the test split, .parquet")
    arguments.add_argument("--classes", required=True, help="classes.csv of the same records")
    arguments.add_argument("--size", type=int, default=224, help="side of the part maps, pixels")
    arguments.add_argument(
        "--resize", choices=RESIZES, default="square", help="images.resize of the shards"
    )
    arguments.add_argument("--pairs-out", required=True, help="class pairs, .csv")
    arguments.add_argument("--maps-out", required=True, help="part maps, .h5")
    arguments.add_argument("--check-out", required=True, help="report of checks, .json")
    options = arguments.parse_args(argv)
    section = read_section(options.section, settings.Cues)

    pairs = class_pairs(options.root, section.max_parts, section.threshold)
    pairs = select_pairs(pairs, pd.read_csv(options.classes))
    records = read_records(options.records)
    in_a_pair = records["label"].isin({*pairs["label_a"], *pairs["label_b"]})
    records = records[in_a_pair].reset_index(drop=True)
    maps = draw_part_maps(records, section, options.size, options.resize)

    written = pairs.assign(parts=[";".join(map(str, parts)) for parts in pairs["parts"]])
    with atomic_path(options.pairs_out) as temporary:
        written.to_csv(temporary, index=False)
    maps.save(options.maps_out)
    report = check(pairs, records, maps)
    write_json(options.check_out, report)
    log.info("%d class pairs, part maps of %d images", len(pairs), len(records))


if __name__ == "__main__":
    main(run)
