"""Data of the report's explorer: test images with every map of every model over them.

Command line: ``python -m pipeline.report.explorer --megabytes 12 --seed 0 ... --out net.json``.
The page draws the maps itself (assets/explorer.js), so that it stays small: it holds one byte for
each value, at the model's own resolution. Maps at the input's resolution are averaged to `SIDE`.
Each image is a chunk of its own (:func:`chunk`), which the page unpacks when the image is chosen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.artefacts.classes import read_titles
from pipeline.artefacts.files import write_json
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import read_pairs
from pipeline.artefacts.part_maps import PARTS
from pipeline.artefacts.records import read_records
from pipeline.artefacts.shards import Shards, open_shards
from pipeline.figures import pictures
from pipeline.figures.arguments import add_images, add_maps, inputs_of
from pipeline.figures.style import MAP_COLOURS, SIGNED_COLOURS
from pipeline.images.geometry import RESIZES, stored_part
from pipeline.report.image_scores import ious_of, predictions_of, shares_of
from pipeline.report.packing import chunk, colour_table, jpeg, packed, runs
from pipeline.runtime.cli import main, parser

SIDE = 28  # of the largest map in the page, values; the paper's own map resolution


def small(score_map: np.ndarray) -> np.ndarray:
    """A map (h, w) as float32, averaged to `SIDE` x `SIDE` where it is larger."""
    score_map = np.asarray(score_map, np.float32)
    if max(score_map.shape) <= SIDE:
        return score_map
    rows, columns = (_averaging(length) for length in score_map.shape)
    return (rows @ score_map @ columns.T).astype(np.float32)


def _averaging(length: int) -> np.ndarray:
    """The matrix (SIDE, length) that averages values to `SIDE`, as PyTorch's adaptive pooling does.

    Each value is the mean over all values that its span touches.
    """
    starts = np.arange(SIDE) * length // SIDE
    stops = -(-np.arange(1, SIDE + 1) * length // SIDE)
    places = np.arange(length)
    touched = (places >= starts[:, None]) & (places < stops[:, None])
    return touched / touched.sum(axis=1, keepdims=True)


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


def about(name: str, store: MapStore, signed: bool) -> dict[str, Any]:
    """What the page says about the maps VARIANT/METHOD; some of the signed ones are negative."""
    variant, _, method = name.rpartition("/")
    return {
        "variant": variant,
        "method": method,
        "kind": store.kind,
        "units": str(store.attributes["units"]),
        "signed": signed,
        "averaged_from": list(store.maps.shape[1:]) if max(store.maps.shape[1:]) > SIDE else None,
    }


def explored(
    dataset: str,
    architecture: str,
    model_seed: int,
    shards: Path,
    records: Path,
    classes: Path,
    maps: Mapping[str, Path],
    megabytes: float,
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
        megabytes: most that the images may take in the page, 10^6 bytes each; where not all test
            images fit in, they are drawn at random, of as many classes as there are. One is shown
            in any case.
        seed: of their choice.
        resize: ``images.resize`` of the shards.
        part_maps: file of the part maps, where there are any.
        pairs: pairs.csv, where there are any.
        scores: of the models' classification, and of their maps' localisation of objects and
            cues, where there are any.

    Returns:
        What assets/explorer.js reads: ``head``, what it needs of all images, and ``chunks``, the
        rest of each of ``head["images"]``.

    Raises:
        UserError: a file cannot be read or belongs to other data.
    """
    table = read_records(records)
    of_pairs = read_pairs(pairs) if pairs else None
    parts = pictures.part_labels(part_maps)  # of the images of class pairs alone
    others = {int(label): others_of(label, of_pairs) for label in table["label"].unique()}
    chunks: dict[str, str] = {}  # by image id
    size, has_boxes = 0, False
    with pictures.open_stores(maps) as stores:
        found = _Found(
            open_shards(shards), resize, parts, others, stores, ious_of(scores),
            shares_of(scores, of_pairs),
        )  # fmt: skip
        for record in pictures.choose_images(table, len(table), seed).itertuples():
            image = found.of_image(record)
            made = chunk(image)
            size += len(made)
            if chunks and size > 1e6 * megabytes:
                break
            chunks[record.image_id] = made
            found.note_signs(image["maps"])
            has_boxes |= bool(image["boxes"])
        methods = [about(name, store, name in found.signed) for name, store in stores.items()]
    shown = table[table["image_id"].isin(chunks)].sort_values("label", kind="stable")
    images = _listed(shown, predictions_of(scores))
    of_labels = {str(label): others[label] for label in shown["label"].unique()}
    head = {
        "dataset": dataset,
        "architecture": architecture,
        "seed": model_seed,
        "side": found.shards.side,
        "of": len(table),
        "megabytes": megabytes,
        "titles": _titles(read_titles(classes), images, of_labels),
        "parts": {
            str(part): {"name": PARTS[part], "colour": colour}
            for part, colour in pictures.PART_COLOURS.items()
        }
        if parts
        else {},
        "boxes": has_boxes,
        "others": of_labels,
        "colours": {"positive": colour_table(MAP_COLOURS), "signed": colour_table(SIGNED_COLOURS)},
        "methods": methods,
        "images": images,
    }
    return {"head": head, "chunks": [chunks[image["id"]] for image in images]}


@dataclass(frozen=True)
class _Found:
    """What the files of a study have of single images.

    Attributes:
        signed: the maps, VARIANT/METHOD, of which a negative value has been seen.
    """

    shards: Shards
    resize: str
    parts: Mapping[str, np.ndarray]
    others: Mapping[int, Sequence[Mapping[str, Any]]]
    stores: Mapping[str, MapStore]
    ious: Mapping[str, Mapping[str, float]]
    shares: Mapping[str, Mapping[tuple[str, int, int], float]]
    signed: set[str] = field(default_factory=set)

    def of_image(self, record: Any) -> dict[str, Any]:
        """The part of the page of one image, a row of the records."""
        name = record.image_id
        pixels = pictures.stored_images(self.shards, [name])[name]
        return {
            "jpeg": jpeg(pixels),
            "boxes": _boxes(record, self.resize, len(pixels)),
            "parts": runs(self.parts[name]) if name in self.parts else None,
            "maps": [stored_maps(store, name) for store in self.stores.values()],
            "iou": [self.ious.get(method, {}).get(name) for method in self.stores],
            "share": [self._shares(method, name, int(record.label)) for method in self.stores],
        }

    def note_signs(self, maps: Sequence[Mapping[str, Any]]) -> None:
        """Remember which of an image's maps have negative values that are no rounding."""
        for method, of in zip(self.stores, maps, strict=True):
            if any(map_["low"] < -0.001 * abs(map_["high"]) for map_ in of.values()):
                self.signed.add(method)

    def _shares(self, method: str, image_id: str, label: int) -> dict[str, float]:
        """Label of the other class -> share of the difference in the cue mask."""
        of = self.shares.get(method, {})
        labels = [other["label"] for other in self.others[label]]
        return {str(n): of[image_id, label, n] for n in labels if (image_id, label, n) in of}


def _listed(
    shown: pd.DataFrame, predicted: Mapping[str, Mapping[str, tuple[int, float]]]
) -> list[dict[str, Any]]:
    """What the page knows of every image before it is chosen."""
    return [
        {
            "id": name,
            "label": int(label),
            "predicted": {variant: of[name] for variant, of in predicted.items() if name in of},
        }
        for name, label in zip(shown["image_id"], shown["label"], strict=True)
    ]


def _titles(
    titles: Sequence[str],
    images: Sequence[Mapping[str, Any]],
    others: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, str]:
    """The titles of all classes that the page names, by their labels."""
    labels = {image["label"] for image in images}
    labels |= {label for image in images for label, _ in image["predicted"].values()}
    labels |= {other["label"] for of in others.values() for other in of}
    return {
        str(label): titles[label] if label < len(titles) else f"class {label}"
        for label in sorted(labels)
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
    arguments.add_argument(
        "--megabytes", type=float, required=True, help="most that the images may take in the page"
    )
    arguments.add_argument("--seed", type=int, required=True, help="seed of their choice")
    add_images(arguments)
    arguments.add_argument("--resize", choices=RESIZES, default="square", help="images.resize")
    arguments.add_argument("--part-maps", type=Path, nargs="?", help="part maps, if there are any")
    arguments.add_argument("--pairs", type=Path, nargs="?", help="class pairs, if there are any")
    add_maps(arguments)
    arguments.add_argument(
        "--scores", type=Path, nargs="*", default=[], help="of predictions, objects and cues"
    )
    arguments.add_argument("--out", type=Path, required=True, help=".json")
    given = arguments.parse_args(argv)
    write_json(given.out, explored(**inputs_of(explored, given)), indent=None)


if __name__ == "__main__":
    main(run)
