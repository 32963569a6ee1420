"""Data of the report's explorer: a few test images with every map of every model over them.

Command line: ``python -m pipeline.report.explorer --images 12 --seed 0 ... --out explorer.json``.
The page draws the maps itself (assets/explorer.js), so that it stays small: it holds one byte for
each value, at the model's own resolution. Maps at the input's resolution are averaged to `SIDE`.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib import colormaps
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d

from pipeline.artefacts.classes import read_titles
from pipeline.artefacts.files import write_json
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import read_pairs
from pipeline.artefacts.part_maps import PARTS
from pipeline.artefacts.records import read_records
from pipeline.artefacts.scores import read_arrays, read_score
from pipeline.artefacts.shards import open_shards
from pipeline.figures import pictures
from pipeline.figures.arguments import add_images, add_maps, inputs_of
from pipeline.figures.style import MAP_COLOURS, SIGNED_COLOURS
from pipeline.images.geometry import RESIZES, stored_part
from pipeline.runtime.cli import main, parser

SIDE = 28  # of the largest map in the page, values; the paper's own map resolution
_QUALITY = 85  # of the JPEG images


def small(score_map: np.ndarray) -> np.ndarray:
    """A map (h, w) as float32, averaged to `SIDE` x `SIDE` where it is larger."""
    score_map = np.asarray(score_map, np.float32)
    if max(score_map.shape) <= SIDE:
        return score_map
    return adaptive_avg_pool2d(torch.from_numpy(score_map)[None], SIDE)[0].numpy()


def packed(score_map: np.ndarray) -> dict[str, Any]:
    """A map (h, w) as JSON: value = low + (high - low) * byte / 255, row after row.

    The error is at most (high - low) / 510, where the difference is finite in float64.
    """
    score_map = score_map.astype(np.float64)
    low, high = float(score_map.min()), float(score_map.max())
    steps = np.rint((score_map - low) / ((high - low) or 1.0) * 255).astype(np.uint8)
    return {
        "shape": list(score_map.shape),
        "low": low,
        "high": high,
        "data": base64.b64encode(steps.tobytes()).decode(),
    }


def runs(labels: np.ndarray) -> list[int]:
    """A label map (S, S), row after row, as label, length, label, length, ..."""
    flat = labels.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff(np.append(starts, flat.size))
    return np.stack([flat[starts], lengths], axis=1).ravel().tolist()


def jpeg(image: np.ndarray) -> str:
    """An image (S, S, 3) uint8 as base64 of a JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=_QUALITY)
    return base64.b64encode(stream.getvalue()).decode()


def colour_table(name: str) -> str:
    """A Matplotlib colour map as base64 of 256 times red, green, blue."""
    colours = colormaps[name](np.arange(256), bytes=True)[:, :3]  # (256, 3) uint8
    return base64.b64encode(colours.tobytes()).decode()


def others_of(label: int, pairs: pd.DataFrame | None) -> list[dict[str, Any]]:
    """The classes that a label is compared with: their labels and the parts that differ."""
    if pairs is None:
        return []
    found = [
        {"label": int(other), "parts": [int(part) for part in pair.parts]}
        for pair in pairs.itertuples()
        for own, other in ((pair.label_a, pair.label_b), (pair.label_b, pair.label_a))
        if own == label
    ]
    return sorted(found, key=lambda other: other["label"])


def stored_maps(store: MapStore, image_id: str) -> dict[str, Any]:
    """Target -> map and probability ``p``, of all targets that the store has of an image."""
    found = {}
    for row in np.flatnonzero(store.image_ids == image_id):
        probability = float(store.class_probability[row])
        found[str(store.targets[row])] = {**packed(small(store.maps[row])), "p": probability}
    return found


def about(name: str, store: MapStore) -> dict[str, Any]:
    """What the page says about the maps VARIANT/METHOD."""
    variant, _, method = name.rpartition("/")
    return {
        "variant": variant,
        "method": method,
        "kind": store.kind,
        "units": str(store.attributes["units"]),
        "averaged_from": list(store.maps.shape[1:]) if max(store.maps.shape[1:]) > SIDE else None,
    }


def predictions_of(scores: Sequence[Path]) -> dict[str, dict[str, tuple[int, float]]]:
    """Variant -> image -> the predicted class and its p(y|x), of classification scores."""
    found = {}
    for path in scores:
        score = read_score(path)
        if score["task"] == "classification":
            arrays = read_arrays(path)
            rows = zip(arrays["image_id"], arrays["prediction"], arrays["confidence"], strict=True)
            found[score["identity"]["variant"]] = {
                str(image): (int(predicted), round(float(confidence), 4))
                for image, predicted, confidence in rows
            }
    return found


def ious_of(scores: Sequence[Path]) -> dict[str, dict[str, float]]:
    """VARIANT/METHOD -> image -> IoU of its box with the object's, of localisation scores.

    The box is that of the table's accuracy at an IoU of 50 %: one threshold for the whole split.
    """
    found = {}
    for path in scores:
        score = read_score(path)
        identity = score["identity"]
        for kind, details in score["details"].items():
            thresholds = details.get("map_threshold", {}) if isinstance(details, Mapping) else {}
            threshold = thresholds.get("50")
            if score["task"] == "wsol" and threshold is not None:
                arrays = read_arrays(path)
                best, peak = arrays[f"{kind}.best_iou"], arrays[f"{kind}.peak"]  # (N, 256), (N,)
                step = (threshold * peak.astype(np.float64)).astype(int)
                ious = best[np.arange(len(best)), step]
                found[f"{identity['variant']}/{identity['method']}"] = {
                    str(image): round(float(iou), 3)
                    for image, iou in zip(arrays["image_id"], ious, strict=True)
                    if np.isfinite(iou)
                }
    return found


def explored(
    dataset: str,
    architecture: str,
    model_seed: int,
    shards: Path,
    records: Path,
    classes: Path,
    maps: Mapping[str, Path],
    images: int,
    seed: int,
    resize: str = "square",
    part_maps: Path | None = None,
    pairs: Path | None = None,
    scores: Sequence[Path] = (),
) -> dict[str, Any]:
    """The data of the explorer of one data set and architecture.

    Args:
        dataset: its name.
        architecture: its name.
        model_seed: of the models.
        shards: manifest.json of the test split.
        records: of the test split.
        classes: classes.csv of the data set.
        maps: "variant/method" -> file of its maps.
        images: how many test images.
        seed: of their choice.
        resize: ``images.resize`` of the shards.
        part_maps: file of the part maps, where there are any.
        pairs: pairs.csv, where there are any.
        scores: of the models' classification and their maps' localisation, where there are any.

    Returns:
        What assets/explorer.js reads.

    Raises:
        UserError: a file cannot be read or belongs to other data.
    """
    stored, titles = open_shards(shards), read_titles(classes)
    chosen = pictures.choose_images(read_records(records), images, seed)
    image_of = pictures.stored_images(stored, list(chosen["image_id"]))
    parts = pictures.part_labels(part_maps)  # of the images of class pairs alone
    table = read_pairs(pairs) if pairs else None
    predicted, ious = predictions_of(scores), ious_of(scores)
    with pictures.open_stores(maps) as stores:
        methods = [about(name, store) for name, store in stores.items()]
        rows = [
            {
                "id": record.image_id,
                "label": int(record.label),
                "jpeg": jpeg(image_of[record.image_id]),
                "boxes": _boxes(record, resize, len(image_of[record.image_id])),
                "parts": runs(parts[record.image_id]) if record.image_id in parts else None,
                "others": others_of(record.label, table),
                "maps": [stored_maps(store, record.image_id) for store in stores.values()],
                "predicted": {
                    variant: of[record.image_id]
                    for variant, of in predicted.items()
                    if record.image_id in of
                },
                "iou": [ious.get(name, {}).get(record.image_id) for name in stores],
            }
            for record in chosen.itertuples()
        ]
    labels = {i["label"] for i in rows} | {o["label"] for i in rows for o in i["others"]}
    labels |= {label for i in rows for label, _ in i["predicted"].values()}
    return {
        "dataset": dataset,
        "architecture": architecture,
        "seed": model_seed,
        "side": stored.side,
        "titles": {
            str(label): titles[label] if label < len(titles) else f"class {label}"
            for label in sorted(labels)
        },
        "parts": {
            str(part): {"name": PARTS[part], "colour": colour}
            for part, colour in pictures.PART_COLOURS.items()
        },
        "colours": {"positive": colour_table(MAP_COLOURS), "signed": colour_table(SIGNED_COLOURS)},
        "methods": methods,
        "images": rows,
    }


def _boxes(record: Any, resize: str, side: int) -> list[list[float]]:
    """The boxes of a record as x0, y0, x1, y1 on the stored image of ``side`` pixels."""
    part = stored_part((record.width, record.height), resize)
    return np.round(part.stored_boxes(record.boxes, side), 2).tolist()


def run(argv: list[str]) -> None:
    """Write the images and maps of one data set and architecture."""
    arguments = parser("pipeline.report.explorer", "Write the data of the report's explorer.")
    arguments.add_argument("--dataset", required=True, help="its name")
    arguments.add_argument("--architecture", required=True, help="its name")
    arguments.add_argument("--model-seed", type=int, required=True, help="of the models")
    arguments.add_argument("--images", type=int, required=True, help="how many test images")
    arguments.add_argument("--seed", type=int, required=True, help="seed of their choice")
    add_images(arguments)
    arguments.add_argument("--resize", choices=RESIZES, default="square", help="images.resize")
    arguments.add_argument("--part-maps", type=Path, nargs="?", help="part maps, if there are any")
    arguments.add_argument("--pairs", type=Path, nargs="?", help="class pairs, if there are any")
    add_maps(arguments)
    arguments.add_argument(
        "--scores", type=Path, nargs="*", default=[], help="of classification and localisation"
    )
    arguments.add_argument("--out", type=Path, required=True, help=".json")
    given = arguments.parse_args(argv)
    write_json(given.out, explored(**inputs_of(explored, given)), indent=None)


if __name__ == "__main__":
    main(run)
