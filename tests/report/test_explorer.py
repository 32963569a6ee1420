import base64
import gzip
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from finished_study import (
    PAIRS,
    SIDE,
    explorer_arguments,
    explorer_images,
    identity,
    score,
)
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.part_maps import PartMaps
from pipeline.artefacts.records import read_records
from pipeline.artefacts.scores import per_image_path, write_arrays
from pipeline.report.explorer import run, small
from pipeline.report.image_scores import ious_of
from pipeline.report.packing import chunk, packed, runs


def unpacked(stored):
    steps = np.frombuffer(base64.b64decode(stored["data"]), np.uint8).reshape(stored["shape"])
    return stored["low"] + (stored["high"] - stored["low"]) * steps / 255


@pytest.mark.parametrize("scale", [1.0, 1e-12, 3e7])
def test_a_packed_map_is_right_to_half_a_step(scale):
    score_map = scale * np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    found = unpacked(json.loads(json.dumps(packed(score_map))))
    step = (float(score_map.max()) - float(score_map.min())) / 255
    assert np.abs(found - score_map).max() <= 0.5001 * step
    assert found.min() == score_map.min()
    assert found.max() == pytest.approx(score_map.max(), rel=1e-12)


def test_a_constant_map_keeps_its_value():
    assert np.array_equal(
        unpacked(packed(np.full((2, 3), 0.3, np.float32))), np.full((2, 3), np.float32(0.3))
    )


def test_large_maps_are_averaged_and_small_ones_stay():
    large = np.random.default_rng(0).random((224, 224), dtype=np.float32)
    blocks = large.reshape(28, 8, 28, 8).mean(axis=(1, 3))
    np.testing.assert_allclose(small(large), blocks, rtol=1e-5)
    assert np.array_equal(small(large[:28, :28]), large[:28, :28])


@pytest.mark.parametrize("shape", [(29, 29), (30, 41), (20, 57), (224, 224)])
def test_averaging_is_pytorchs_adaptive_pooling(shape):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = adaptive_avg_pool2d(torch.from_numpy(values)[None], 28)[0]
    np.testing.assert_allclose(small(values), expected, rtol=0, atol=1e-6)


def test_runs_of_a_label_map_give_it_back():
    labels = np.array([[0, 0, 3], [3, 3, 1], [1, 0, 0]], np.uint8)
    assert runs(labels) == [0, 2, 3, 3, 1, 2, 0, 2]
    constant = np.full((4, 4), 7, np.uint8)
    assert runs(constant) == [7, 16]


def test_equal_images_give_equal_chunks():
    first, again = (chunk({"b": 1.5, "a": [1, None]}) for _ in range(2))
    assert first == again
    assert json.loads(gzip.decompress(base64.b64decode(first))) == {"a": [1, None], "b": 1.5}


def test_the_explorer_holds_images_parts_pairs_and_all_their_maps(explorer_json):
    path, paths = explorer_json
    head, images = explorer_images(path)
    records = read_records(paths["records"])
    assert head["of"] == len(records)
    assert head["boxes"] is True
    assert [image["id"] for image in images] == list(
        records.sort_values("label", kind="stable")["image_id"]
    )
    names = [f"{each['variant']}/{each['method']}" for each in head["methods"]]
    assert names == [name for name in paths if "/" in name]
    part_maps = PartMaps.load(paths["part_maps"])
    for image in images:
        with Image.open(io.BytesIO(base64.b64decode(image["jpeg"]))) as picture:
            assert (picture.format, picture.size) == ("JPEG", (SIDE, SIDE))
        # the record's box, 12 6 48 54 on 60 x 60 pixels
        np.testing.assert_allclose(image["boxes"], [np.array([12, 6, 48, 54]) * SIDE / 60])
        labels = np.repeat(image["parts"][::2], image["parts"][1::2]).reshape(SIDE, SIDE)
        assert np.array_equal(labels, part_maps.labels[part_maps.image_ids.index(image["id"])])
        partners = {
            b if a == image["label"] else a
            for a, b in zip(PAIRS["label_a"], PAIRS["label_b"], strict=True)
            if image["label"] in (a, b)
        }
        others = head["others"][str(image["label"])]
        assert [other["label"] for other in others] == sorted(partners)
        for name, maps in zip(names, image["maps"], strict=True):
            with MapStore.open(paths[name]) as store:
                targets = store.targets[store.image_ids == image["id"]]
                assert set(maps) == set(targets)
                for target, stored in maps.items():
                    row = store.lookup(image["id"], target)
                    step = (stored["high"] - stored["low"]) / 255
                    assert np.abs(unpacked(stored) - store.maps[row]).max() <= 0.5001 * step
                    assert stored["p"] == store.class_probability[row]


def test_maps_with_negative_values_are_signed(explorer_json, tmp_path):
    path, paths = explorer_json
    head, _ = explorer_images(path)
    names = [f"{each['variant']}/{each['method']}" for each in head["methods"]]
    for name, method in zip(names, head["methods"], strict=True):
        with MapStore.open(paths[name]) as store:
            lows, highs = store.maps[:].min(axis=(1, 2)), store.maps[:].max(axis=(1, 2))
            assert method["signed"] == bool((lows < -0.001 * np.abs(highs)).any())
    # of all images, whichever was the first
    positive = tmp_path / "positive.h5"
    with MapStore.open(paths["calm_ml/joint"]) as store:
        rows = list(zip(store.image_ids, store.targets, strict=True))
        values = np.abs(store.maps[:])
    kinds = {"method": "joint", "targets": "class", "units": "", "attributes": {}}
    with MapStore.create(positive, rows=rows, shape=(8, 8), **kinds) as writer:
        writer.write(0, values, None)
    run(explorer_arguments(paths | {"calm_ml/joint": positive}, tmp_path / "net.json"))
    methods = explorer_images(tmp_path / "net.json")[0]["methods"]
    assert [each["signed"] for each in methods if each["variant"] == "calm_ml"] == [False]


def test_where_not_all_images_fit_in_some_are_drawn(explorer_json, tmp_path):
    path, paths = explorer_json
    whole = dict(zip(*(pieces(path)), strict=True))
    sizes = [len(text) for text in whole.values()]
    limit = 4.5 * max(sizes)
    run(explorer_arguments(paths, tmp_path / "few.json", limit / 1e6))
    few = dict(zip(*(pieces(tmp_path / "few.json")), strict=True))
    assert 4 <= len(few) < 16
    assert sum(map(len, few.values())) <= limit < sum(sizes)
    assert few.items() <= whole.items()
    head, images = explorer_images(tmp_path / "few.json")
    assert head["of"] == 16
    assert len({image["label"] for image in images[:4]}) > 1  # of many classes
    run(explorer_arguments(paths, tmp_path / "one.json", 1e-6))
    assert len(explorer_images(tmp_path / "one.json")[1]) == 1


def pieces(path):
    """Ids and chunks."""
    content = json.loads(path.read_text())
    return [image["id"] for image in content["head"]["images"]], content["chunks"]


def test_images_of_classes_without_a_pair_have_no_parts(explorer_json, tmp_path):
    path, paths = explorer_json
    first = explorer_images(path)[1][0]["id"]
    whole = PartMaps.load(paths["part_maps"])
    kept = [row for row, image_id in enumerate(whole.image_ids) if image_id != first]
    rest = replace(
        whole,
        image_ids=[whole.image_ids[row] for row in kept],
        labels=whole.labels[kept],
        visible=whole.visible[kept],
        truth=None,
    )
    rest.save(tmp_path / "part_maps.h5")
    run(explorer_arguments(paths | {"part_maps": tmp_path / "part_maps.h5"}, tmp_path / "net.json"))
    _, images = explorer_images(tmp_path / "net.json")
    assert [image["parts"] is None for image in images] == [True] + 15 * [False]


def test_every_image_has_its_prediction_and_the_scores_of_its_maps(explorer_json):
    path, paths = explorer_json
    head, images = explorer_images(path)
    order = list(read_records(paths["records"])["image_id"])
    names = [f"{each['variant']}/{each['method']}" for each in head["methods"]]
    for image in images:
        row = order.index(image["id"])
        wrong = (image["label"] + 1) % 4
        label, probability = image["predicted"]["cam"]
        assert label == (wrong if row % 2 else image["label"])
        assert probability == pytest.approx(0.5 + row / 100)
        assert str(label) in head["titles"]
        assert image["predicted"].keys() == {"cam"}
        found = dict(zip(names, image["iou"], strict=True))
        assert found.pop("cam/cam") == pytest.approx((200 + row) // 2 / 255, abs=5e-4)
        assert set(found.values()) == {None}
        shares = dict(zip(names, image["share"], strict=True))
        others = {str(other["label"]) for other in head["others"][str(image["label"])]}
        assert shares.pop("cam/cam") == dict.fromkeys(others, row / 100)
        assert all(share == {} for share in shares.values())


def test_a_threshold_of_nought_has_its_ious(tmp_path):
    path = tmp_path / "wsol.json"
    best_iou = np.tile(np.linspace(0.3, 0.9, 256, dtype=np.float32), (2, 1))
    arrays = {"image_id": np.array(["a", "b"]), "class.peak": np.full(2, 200, np.uint8)}
    write_arrays(per_image_path(path), arrays | {"class.best_iou": best_iou})
    thresholds = {"class": {"map_threshold": {"50": 0.0}}}
    score(path, "wsol", identity("cam", "cam"), {"class.maxboxaccv2": 0.5}, **thresholds)
    assert ious_of([path]) == {"cam/cam": {"a": 0.3, "b": 0.3}}
