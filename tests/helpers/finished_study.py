"""What a finished study leaves for tables, figures and report, invented: scores, maps, images."""

import base64
import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
from drawn_images import draw_records
from PIL import Image

from pipeline.artefacts.drawings import seal_drawing
from pipeline.artefacts.files import write_json
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.part_maps import PartMaps
from pipeline.artefacts.records import write_records
from pipeline.artefacts.scores import per_image_path, write_arrays, write_score
from pipeline.settings import Images
from pipeline.sharding.writing import write_shards

SIDE = 64
LABELS = range(4)
PAIRS = pd.DataFrame(
    {
        "class_a": [1, 2, 1],
        "class_b": [2, 3, 4],
        "label_a": [0, 1, 0],
        "label_b": [1, 2, 3],
        "parts": ["1", "2;7", "1;5;6"],
        "n_parts": [1, 2, 3],
    }
)
MODELS = {"cam": ("cam",), "calm_em": ("joint", "conditional"), "calm_ml": ("joint",)}
JOB = {
    "protocol": "corrected",
    "normalisations": ["raw", "minmax"],
    "models": {f"birds/net/{name}": {"trunk": "resnet_small", "method": name} for name in MODELS},
}
KINDS = ["joint", "conditional", "saliency", "subset", "counterfactual", "posterior"]
# entity > animal > dog > (only one class) > class 0; the others lie below dog, animal and entity
IS_A = """
n09000001 n09000002
n09000002 n09000003
n09000003 n09000004
n09000004 n09000010
n09000003 n09000011
n09000002 n09000012
n09000001 n09000013
"""


def identity(variant=None, method=None, *, dataset="birds", architecture="net", seed=0):
    """Identity of a score; of a baseline where there is no variant."""
    if variant is None:
        architecture = seed = None
    names = ("dataset", "architecture", "variant", "seed", "method")
    return dict(zip(names, (dataset, architecture, variant, seed, method), strict=True))


def score(
    path: Path, task: str, who: dict, values: dict, *, intervals=True, section="5ec7", **details
) -> Path:
    """Write a score and its results per image; a value v gets the interval [v - .02, v + .03]."""
    ends = {name: (value - 0.02, value + 0.03) for name, value in values.items()}
    write_score(
        path,
        task=task,
        identity=who,
        values=values,
        intervals=ends if intervals else {},
        details=details,
        provenance={"section": section, "inputs": {"records": "ab" * 32}},
    )
    if not per_image_path(path).exists():  # of one image, which keeps no replicates
        write_arrays(per_image_path(path), {"image_id": np.array([path.stem])})
    return path


def cue_score(path: Path, who: dict, base: float, *, true=True, pairs=None, **more) -> Path:
    """A cue score whose values are ``base`` + 0.01 x parts; minmax is 0.05 lower."""
    counts = pairs or {"1": 3, "2": 2, "3": 1}
    values = {}
    for prefix in ("", "true_") if true else ("",):
        for normalisation, less in (("raw", 0.0), ("minmax", 0.05)):
            for n in (1, 2, 3):
                values[f"{prefix}mpxap_{n}_{normalisation}"] = base + 0.01 * n - less
            for mean in ("weighted", "unweighted"):
                values[f"{prefix}mpxap_{mean}_{normalisation}"] = base + 0.02 - less
    return score(
        path, "cue_localization", who, values, thresholds="exact", pooling="pair", pairs=counts,
        image_pairs={"masks": 40, "true_masks": 41},
        image_pairs_skipped={"masks": 2, "true_masks": 1},
        foreground={"segmentation": 16}, **more,
    )  # fmt: skip


def wsol_score(path: Path, who: dict, base: float, target: str, images=400) -> Path:
    """A localisation score for one target."""
    names = {"v2": 0.0, "_30": 0.2, "_50": 0.0, "_70": -0.2}
    values = {f"{target}.maxboxacc{name}": base + more for name, more in names.items()}
    return score(path, "wsol", who, values, images=images)


def all_scores(folder: Path) -> list[Path]:
    """Scores of the models `MODELS` on the data set birds, and of the baselines."""
    paths = []
    for number, (variant, methods) in enumerate(MODELS.items()):
        who = identity(variant)
        top1 = {"top1": 0.9 - 0.1 * number}
        paths.append(score(folder / f"{variant}.json", "classification", who, top1, images=400))
        for method in methods:
            who = identity(variant, method)
            name = f"{variant}.{method}.json"
            base = 0.3 + 0.1 * number
            paths.append(cue_score(folder / "cue_localization" / name, who, base))
            paths.append(wsol_score(folder / "wsol" / name, who, base, "class"))
    for method, base in (("chance", 0.1), ("always_head", 0.2)):
        paths.append(
            cue_score(folder / "cue_localization" / f"{method}.json", identity(None, method), base)
        )
    gaussian = folder / "wsol" / "center.json"
    return [*paths, wsol_score(gaussian, identity(None, "center_gaussian"), 0.35, "prior")]


def pictures(folder: Path) -> dict[str, Path]:
    """Images, part maps, pairs and maps of every variant: name -> path."""
    table = draw_records(folder / "raw", 16, len(LABELS)).assign(
        class_id=lambda rows: rows["label"] + 1, width=60, height=60, segmentation="",
        true_parts="", boxes=[[12.0, 6.0, 48.0, 54.0]] * 16, keypoints=[[]] * 16,
        masks=[[]] * 16, ignore="",
    )  # fmt: skip
    write_records(folder / "test.parquet", table)
    shards = write_shards(table, Images(eval_size=SIDE), "test", folder / "shards")
    y, x = np.mgrid[:SIDE, :SIDE]
    part = 1 + (7 * np.clip((y - 8) / 48, 0, 0.999)).astype(np.uint8)
    labels = np.where(np.hypot((x - 32) / 20, (y - 32) / 26) < 1, part, 0).astype(np.uint8)
    PartMaps(
        list(table["image_id"]), np.stack([labels] * 16), np.ones((16, 7), bool), None, {"none": 16}
    ).save(folder / "part_maps.h5")
    PAIRS.to_csv(folder / "pairs.csv", index=False)
    names = [f"00{label + 1}.Blue_Bird_{label}" for label in LABELS]
    classes = pd.DataFrame({"label": LABELS, "class_id": range(1, 5), "name": names})
    classes.to_csv(folder / "classes.csv", index=False)
    paths = {
        "records": folder / "test.parquet",
        "shards": shards,
        "part_maps": folder / "part_maps.h5",
        "pairs": folder / "pairs.csv",
        "classes": folder / "classes.csv",
    }
    paths |= explorer_scores(folder, table)
    for variant, methods in MODELS.items():
        for method in methods:
            rows = [(name, str(label)) for name in table["image_id"] for label in LABELS]
            paths[f"{variant}/{method}"] = maps(folder / f"{variant}.{method}.h5", method, rows)
    for method, targets, target in (
        ("saliency", "prior", "prior"),
        ("subset", "superset", "superset:{}"),
        ("posterior", "class", "{}"),
    ):
        rows = [(row.image_id, target.format(row.label)) for row in table.itertuples()]
        paths[f"calm_em/{method}"] = maps(folder / f"{method}.h5", method, rows, targets)
    rows = [
        (name, f"{a}>{b}")
        for name, label in zip(table["image_id"], table["label"], strict=True)
        for pair in PAIRS.itertuples()
        for a, b in ((pair.label_a, pair.label_b), (pair.label_b, pair.label_a))
        if a == label
    ]
    paths["calm_em/counterfactual"] = maps(
        folder / "difference.h5", "counterfactual", rows, "counterfactual"
    )
    return paths


def explorer_scores(folder: Path, table: pd.DataFrame) -> dict[str, Path]:
    """What cam predicts, wrong for every second image, and how its map localises them and cues."""
    rows, ids = np.arange(len(table)), table["image_id"].to_numpy(dtype=str)
    predicted = (table["label"].to_numpy() + rows % 2) % len(LABELS)
    top1, boxes = folder / "cam.classification.json", folder / "cam.wsol.json"
    write_arrays(
        per_image_path(top1),
        {"image_id": ids, "prediction": predicted, "confidence": 0.5 + rows / 100},
    )
    score(top1, "classification", identity("cam"), {"top1": 0.5})
    # IoU t / 255 at mask t, so that it is half the peak over 255 at the threshold 0.5
    best_iou = np.tile(np.arange(256, dtype=np.float32) / 255, (len(rows), 1))
    arrays = {"image_id": ids, "class.best_iou": best_iou, "class.peak": (200 + rows).astype("u1")}
    write_arrays(per_image_path(boxes), arrays)
    thresholds = {"class": {"map_threshold": {"50": 0.5}}}
    score(boxes, "wsol", identity("cam", "cam"), {"class.maxboxaccv2": 0.5}, **thresholds)
    # of each pair the images of both classes; image n has the share n / 100
    measured = PAIRS[::-1]  # not in the order of the file
    used = [
        np.flatnonzero(table["label"].isin([pair.label_a, pair.label_b]))
        for pair in measured.itertuples()
    ]
    cues, places = folder / "cam.cues.json", np.concatenate(used)
    arrays = {"image_id": ids, "row_image": places, "mass": places / 100}
    arrays |= {name: measured[name].to_numpy() for name in ("class_a", "class_b")}
    arrays["row_pair"] = np.repeat(np.arange(len(used)), [len(each) for each in used])
    write_arrays(per_image_path(cues), arrays)
    score(cues, "cue_localization", identity("cam", "cam"), {"mass": 0.1})
    return {"predictions": top1, "localisation": boxes, "cues": cues}


def maps(path: Path, method: str, rows: list[tuple[str, str]], targets: str = "class") -> Path:
    """A store of smooth random maps (8, 8); the row's number is its probability in percent."""
    noise = np.random.default_rng(len(path.name)).normal(size=(len(rows), 8, 8)).cumsum(1).cumsum(2)
    with MapStore.create(
        path, rows=rows, shape=(8, 8), method=method, targets=targets, units="", attributes={}
    ) as writer:
        writer.write(0, noise.astype(np.float32), np.arange(len(rows)) / 100)
    return path


def history(path: Path, epochs=5, val=True) -> Path:
    """A training history; without val its columns are NaN, as for an empty split."""
    epoch = np.arange(1, epochs + 1)
    table = pd.DataFrame({"epoch": epoch, "lr": 0.1, "train_loss": 3 / epoch})
    table["train_accuracy"] = 1 - 0.9 / epoch
    table["val_loss"] = 3.2 / epoch if val else np.nan
    table["val_accuracy"] = 1 - 0.95 / epoch if val else np.nan
    path.parent.mkdir(parents=True, exist_ok=True)
    table.assign(images_per_second=100.0, seconds=1.0).to_csv(path, index=False)
    return path


def tables_json(folder: Path) -> Path:
    """tables.json of :func:`all_scores`, made by the stage."""
    from pipeline.tables.__main__ import run

    run(
        [
            *("--section", json.dumps(JOB), "--out", str(folder / "tables")),
            *("--scores", *map(str, all_scores(folder / "scores"))),
        ]
    )
    return folder / "tables" / "tables.json"


def red_picture(path: Path) -> None:
    """A figure, as far as the report is concerned."""
    Image.new("RGB", (3, 2), "red").save(path)
    seal_drawing(path)


def metrics(path: Path, accuracy=0.81, loss=0.7) -> Path:
    """metrics.json of a model of four classes with so good a last epoch on 100 val images."""
    last = {"epoch": 5.0, "val_loss": loss, "val_accuracy": accuracy}
    constant = {"loss": 1.3863, "accuracy": 0.25, "accuracy_error": 0.0433}
    provenance = {"config": "c0", "code": "d0"}
    write_json(path, {"last_epoch": last, "best_constant": constant, "provenance": provenance})
    return path


def explorer_arguments(paths, out, megabytes=1):
    """The command line of an explorer with as many images as fit."""
    names = [name for name in paths if "/" in name]
    return [
        *("--dataset", "birds", "--architecture", "net", "--model-seed", "0"),
        *("--megabytes", str(megabytes), "--seed", "0", "--out", str(out)),
        *("--shards", str(paths["shards"]), "--records", str(paths["records"])),
        *("--classes", str(paths["classes"]), "--part-maps", str(paths["part_maps"])),
        *("--pairs", str(paths["pairs"]), "--names", *names),
        *("--maps", *(str(paths[name]) for name in names)),
        *("--scores", *(str(paths[name]) for name in ("predictions", "localisation", "cues"))),
    ]


def explorer_images(path):
    """The head of an explorer's data, and its images, each with its chunk."""
    content = json.loads(path.read_text())
    rest = [json.loads(gzip.decompress(base64.b64decode(text))) for text in content["chunks"]]
    images = zip(content["head"]["images"], rest, strict=True)
    return content["head"], [image | more for image, more in images]
