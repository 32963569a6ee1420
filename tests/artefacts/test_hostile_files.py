"""Files of every kind, damaged in any way: a result or one UserError, in bounded time and memory.

Each kind begins with a whole file. Hypothesis draws what is done to its bytes; what a reader then
returns is either what the whole file holds, or the message. Other errors fail the test.
"""

import json
import resource
import shutil
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from drawn_images import draw_records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from safetensors.torch import save_file

from pipeline.artefacts.classes import read_class_names, read_classes, write_classes
from pipeline.artefacts.drawings import read_drawing
from pipeline.artefacts.files import read_json, write_json
from pipeline.artefacts.foreign_hdf5 import DAMAGE
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import read_label_pairs, read_pairs, write_pairs
from pipeline.artefacts.part_maps import PartMaps
from pipeline.artefacts.paths import CHECK, METRICS
from pipeline.artefacts.records import read_records, write_records
from pipeline.artefacts.remote import of_other_records
from pipeline.artefacts.scores import read_arrays, write_arrays
from pipeline.artefacts.searches import read_found, write_found
from pipeline.artefacts.shard_members import members, parsed
from pipeline.artefacts.shards import open_shards
from pipeline.artefacts.supersets import read_supersets, write_supersets
from pipeline.artefacts.trainings import (
    HISTORY,
    read_history,
    write_history,
    write_metrics,
)
from pipeline.artefacts.weights import read_own_weights, write_weights
from pipeline.attribution.own_maps import open_maps, read_map
from pipeline.datasets.check import Problems
from pipeline.datasets.coco import read_coco
from pipeline.datasets.gaze import HEADER, read_gaze
from pipeline.datasets.image_names import ImageNames
from pipeline.figures.style import save
from pipeline.images.batches import decoded
from pipeline.images.coco_masks import read_mask
from pipeline.models.checkpoint_files import read_state_dict
from pipeline.runtime.errors import UserError
from pipeline.settings import Images
from pipeline.sharding.remote import copy_manifest
from pipeline.sharding.writing import write_shards
from pipeline.training import checkpoints

SECONDS = 10.0  # of one file; the slowest takes a few tenths, on a busy machine
MEMORY = 2 << 30  # bytes that a reader may ask for on top
IMAGES = ["test/ape/1.jpg", "test/bee/2.jpg"]
STATE = {"head.weight": torch.arange(6.0).reshape(2, 3), "head.bias": torch.zeros(2)}
EPOCH = dict.fromkeys(HISTORY, 0.5)


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        path: of the file.
        read: reads it; equal files give equal texts.
    """

    path: Path
    read: Callable[[Path], Any]


def records_of(folder: Path) -> pd.DataFrame:
    table = draw_records(folder / "raw", 6)
    columns = ("boxes", "masks", "keypoints")
    table = table.assign(**{name: [[] for _ in range(len(table))] for name in columns})
    table["class_id"], table["width"], table["height"] = table["label"] + 1, 8, 8
    return table.assign(segmentation="", ignore="", true_parts="")


def sealed(folder: Path) -> dict[str, Kind]:
    """The files that a study writes; of these, damage is never taken for content."""
    kinds = {}

    def kind(name: str, path: Path, read: Callable[[Path], Any]) -> None:
        kinds[name] = Kind(path, read)

    write_records(folder / "records.parquet", records_of(folder))
    kind("records", folder / "records.parquet", lambda path: read_records(path).to_json())
    manifest = write_shards(records_of(folder), Images(), "test", folder / "shards")
    kind("manifest", manifest, lambda path: open_shards(path).image_ids)
    kind("shard", folder / "shards/00000.tar", lambda _: open_shards(manifest).image_ids)
    write_json(folder / "score.json", {"values": {"top1": 0.25}})
    kind("JSON", folder / "score.json", read_json)
    write_supersets(folder / "supersets.json", "all", {0: [0, 1], 1: [0, 1]}, {})
    kind("supersets", folder / "supersets.json", read_supersets)
    arrays = folder / "scores/cam.npz"
    write_arrays(arrays, {"hits": np.arange(9.0)})
    write_json(arrays.with_suffix(".json"), {}, vouched=[arrays])
    kind("npz", arrays, lambda path: read_arrays(path)["hits"].tolist())
    about = {"method": "cam", "targets": "class", "units": "", "attributes": {}}
    rows = [(image, "0") for image in IMAGES]
    with MapStore.create(folder / "maps.h5", rows=rows, shape=(3, 4), **about) as writer:
        writer.write(0, np.ones((2, 3, 4)), np.ones(2))
    kind("maps", folder / "maps.h5", maps_of)
    labels = np.ones((2, 4, 4), np.uint8)
    PartMaps(IMAGES, labels, np.ones((2, 7), bool), None, {}).save(folder / "part_maps.h5")
    kind("part maps", folder / "part_maps.h5", lambda path: PartMaps.load(path).labels.tolist())
    write_weights(folder / "weights.safetensors", STATE, {"job": {}})
    kind("weights", folder / "weights.safetensors", lambda path: str(read_own_weights(path)))
    checkpoints.save(folder / "checkpoint", {"model": STATE})
    kind("checkpoint", folder / "checkpoint/last.pt", lambda p: str(checkpoints.load(p.parent)))
    figure, _ = plt.subplots(figsize=(1, 1))
    drawings = [folder / "figure.png", folder / "figure.svg"]
    save(figure, drawings, dpi=20)
    for path in drawings:
        kind(path.suffix, path, read_drawing)
    return kinds | vouched(folder)


def maps_of(path: Path) -> str:
    with MapStore.open(path) as store:
        return f"{store.maps[:].tolist()} {store.image_ids} {store.class_probability}"


def vouched(folder: Path) -> dict[str, Kind]:
    """The tables that people read as well."""
    classes = pd.DataFrame({"label": [0, 1], "class_id": [1, 2], "name": ["ape", "bee"]})
    write_classes(folder / "data/classes.csv", classes)
    write_json(folder / "data" / CHECK, {}, vouched=[folder / "data/classes.csv"])
    pair = {"class_a": 1, "class_b": 2, "label_a": 0, "label_b": 1, "parts": (1,), "n_parts": 1}
    write_pairs(folder / "cues/pairs.csv", pd.DataFrame([pair]))
    write_json(folder / "cues" / CHECK, {}, vouched=[folder / "cues/pairs.csv"])
    history = folder / "model/history.csv"
    write_history(history, [EPOCH])
    write_metrics(folder / "model" / METRICS, EPOCH, {}, None, [history])
    draws = pd.DataFrame({"draw": [0], "score": [0.5]})
    write_found(folder / "search", draws, draws, {"keys": {}})

    def both(path: Path) -> str:
        return f"{read_class_names(path)} {read_classes(path).to_json()}"

    return {
        "class list": Kind(folder / "data/classes.csv", both),
        "pairs": Kind(
            folder / "cues/pairs.csv", lambda p: f"{read_pairs(p).to_json()} {read_label_pairs(p)}"
        ),
        "history": Kind(history, lambda path: read_history(path).to_json()),
        "ledger": Kind(folder / "search/ledger.csv", lambda path: read_found(path).to_json()),
    }


def foreign(folder: Path) -> dict[str, Kind]:
    """Files that users bring; damage may leave other content."""
    with h5py.File(folder / "own.h5", "w") as file:
        file.create_dataset("maps", data=np.ones((2, 3, 4)), chunks=(1, 3, 4), compression="gzip")
        file["image_id"] = np.array(IMAGES, dtype=h5py.string_dtype())
        file["target"] = [0, 1]
    (folder / "own/test/ape").mkdir(parents=True)
    np.save(folder / "own/test/ape/1.npy", np.ones((3, 4)))
    torch.save({"state_dict": STATE, "epoch": 3}, folder / "given.ckpt")
    torch.save(STATE, folder / "old.pth", _use_new_zipfile_serialization=False)
    save_file(STATE, folder / "given.safetensors")
    corners = [[1, 1, 9, 1, 9, 9]]
    runs = {"size": [10, 10], "counts": [5, 20, 75]}
    image = {"id": 1, "file_name": IMAGES[0], "width": 10, "height": 10}
    objects = [
        {"id": n, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "segmentation": mask}
        for n, mask in enumerate((corners, runs, {"size": [10, 10], "counts": "5D_2"}))
    ]
    content = {"images": [image], "annotations": objects, "categories": [{"id": 1, "name": "ape"}]}
    (folder / "objects.json").write_text(json.dumps(content))
    gaze = folder / "gaze"
    gaze.mkdir()
    (folder / "images.txt").write_text("1 test/ape/1.jpg\n2 test/bee/2.jpg\n")
    (gaze / "Fixation_run1.txt").write_text("1,10,10,1,2,100,3,4,250\n2,10,10,5,5,90\n")
    rows = [f"{name},me,{n},2.5,100" for n, name in enumerate(IMAGES)]
    (folder / "gaze.csv").write_text("\n".join([HEADER, *rows]))
    far = write_shards(records_of(folder / "far"), Images(), "test", folder / "far/test")
    write_shards(records_of(folder / "far"), Images(), "train", folder / "far/train")
    return {
        "manifest from elsewhere": Kind(far, manifest_of),
        "shard from elsewhere": Kind(folder / "far/test/00000.tar", members_of),
        "JPEG shard from elsewhere": Kind(folder / "far/train/00000.tar", members_of),
        "fixations": Kind(folder / "gaze.csv", gaze_of),
        "fixations of CUB-GHA": Kind(gaze / "Fixation_run1.txt", lambda path: gaze_of(path.parent)),
        "own maps": Kind(folder / "own.h5", own_maps_of),
        "own map": Kind(folder / "own/test/ape/1.npy", lambda path: own_maps_of(folder / "own")),
        "checkpoint of others": Kind(folder / "given.ckpt", read_state_dict),
        "checkpoint of old": Kind(folder / "old.pth", read_state_dict),
        "safetensors of others": Kind(folder / "given.safetensors", read_state_dict),
        "COCO": Kind(folder / "objects.json", coco_of),
    }


def manifest_of(path: Path) -> None:
    records = records_of(path.parents[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.sharding.remote.fetch", lambda url: path.read_bytes())
        out = path.parents[2] / "near" / path.name
        copy_manifest(records, f"http://{path.parent.name}", Images(), "test", out)


def members_of(path: Path) -> None:
    """What its reader does with a shard whose SHA-256 its manifest vouches for."""
    side = Images().train_size if path.parent.name == "train" else Images().eval_size
    try:
        with open(path, "rb") as shard:
            for member in members(shard, side):
                content = member.content(shard)
                decoded(content, side) if member.is_image else parsed(content)
    except (ValueError, RuntimeError) as error:  # as its readers do
        raise of_other_records(str(path), error) from error


def gaze_of(path: Path) -> None:
    images = pd.DataFrame({"image_id": IMAGES, "width": 10, "height": 10})
    read_gaze(path, path.parent, images)


def own_maps_of(path: Path) -> None:
    with open_maps(path, dict(zip(IMAGES, (0, 1), strict=True))) as own:
        for row in own.rows:
            with suppress(*DAMAGE, EOFError):  # what check_maps gathers into its message
                read_map(own, row)


def coco_of(path: Path) -> None:
    classes = {name: name.split("/")[1] for name in IMAGES}
    names, problems = ImageNames(classes, path.parent), Problems()
    for masks in (False, True):
        found = read_coco(path, classes, names, problems, masks=masks)
        problems.raise_if_any(path)
        for name in found.masks.get(IMAGES[0], ()):
            assert read_mask(name).shape == (10, 10) or found.sizes[IMAGES[0]] != (10, 10)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A whole file of each kind, kept apart from those that are damaged."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, sealed(folder) | foreign(folder)


@contextmanager
def bounded():
    """Fail where a block takes long; refuse it much memory."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    begun = time.process_time()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert time.process_time() - begun < SECONDS


DAMAGES = {
    "cut": lambda part, number: b"",
    "zero": lambda part, number: bytes(len(part)),
    "ones": lambda part, number: b"\xff" * len(part),
    "flip": lambda part, number: bytes([part[0] ^ 1 << number % 8, *part[1:]]) if part else b"",
    "repeat": lambda part, number: part * 2,
    "number": lambda part, number: (b"9" * 30, b"-1", b"1e999", b"NaN", b"[" * 3000)[number % 5],
    "other": lambda part, number: number.to_bytes(8, "little"),
}
STEP = st.tuples(
    st.sampled_from(sorted(DAMAGES)),
    st.integers(0, 2**20),  # where, modulo the length
    st.sampled_from([1, 2, 4, 8, 64, 2**30]),  # how many bytes
    st.integers(0, 2**64 - 1),
)


def damaged(content: bytes, steps: list[tuple[str, int, int, int]]) -> bytes:
    """Bytes cut, zeroed, flipped, repeated, or replaced by other ones."""
    changed = bytearray(content)
    for what, place, length, number in steps:
        start = place % max(len(changed), 1)
        part = bytes(changed[start : start + length])
        changed[start : start + length] = DAMAGES[what](part, number)
    return bytes(changed)


KINDS = (
    *("records", "manifest", "shard", "JSON", "supersets", "npz", "maps", "part maps", "weights"),
    *("checkpoint", ".png", ".svg", "class list", "pairs", "history", "ledger"),
    *("own maps", "own map", "checkpoint of others", "checkpoint of old", "safetensors of others"),
    *("COCO", "manifest from elsewhere", "shard from elsewhere"),
    "JPEG shard from elsewhere",
    *("fixations", "fixations of CUB-GHA"),
)
FOREIGN = KINDS[-11:]


def test_all_kinds_are_tried(study):
    assert set(study[1]) == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEP, min_size=1, max_size=3))
def test_a_damaged_file_ends_in_its_content_or_in_one_message(study, tmp_path, name, steps):
    folder, kinds = study
    path, read = kinds[name]
    whole = path.read_bytes()
    expected = None if name in FOREIGN else read(path)
    said = path.name
    path.write_bytes(damaged(whole, steps))
    try:
        with bounded():
            found = read(path)
    except UserError as error:
        said = str(error)
        found = expected
    finally:
        for aside in folder.rglob("*.damaged"):
            aside.unlink()
        path.write_bytes(whole)
        if name == "shard" and not kinds["manifest"].path.exists():
            shutil.rmtree(folder / "shards")
            write_shards(records_of(folder), Images(), "test", folder / "shards")
    assert path.name in said or path.parent.name in said
    if name not in FOREIGN:
        # a lost checkpoint is trained anew
        assert found == expected or (name == "checkpoint" and found == "None")
