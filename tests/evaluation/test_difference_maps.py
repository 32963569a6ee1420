from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from pipeline.attribution.store import MapStore
from pipeline.errors import UserError
from pipeline.evaluation import difference_maps
from pipeline.part_maps import PartMaps

PAIR = SimpleNamespace(label_a=0, label_b=12, parts=(7,))
IDS = ["a.jpg", "b.jpg", "c.jpg"]


def _part_maps(side=15):
    labels = np.random.default_rng(0).integers(0, 8, (3, side, side)).astype(np.uint8)
    return PartMaps(IDS, labels, np.ones((3, 7), bool), None, {})


def test_stored_maps_are_differenced_and_then_enlarged(tmp_path):
    rng = np.random.default_rng(1)
    rows = [(i, t) for t in ("12", "3", "0") for i in reversed(IDS)]
    maps = rng.normal(size=(9, 5, 5)).astype(np.float32)
    path = tmp_path / "maps.h5"
    with MapStore.create(
        path, rows=rows, shape=(5, 5), method="m", units="u", attributes={}
    ) as writer:
        writer.write(0, maps, np.ones(9, np.float32))
    by_row = dict(zip(rows, maps, strict=True))
    with MapStore.open(path) as store:
        source = difference_maps.stored(store, _part_maps())
        found = source(PAIR, np.array([0, 2]))
        with pytest.raises(UserError, match=r"b\.jpg"):
            source(SimpleNamespace(label_a=0, label_b=5), np.array([1]))
    for image, score in zip(("a.jpg", "c.jpg"), found, strict=True):
        signed = by_row[image, "0"] - by_row[image, "12"]
        enlarged = cv2.resize(signed, (15, 15), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(score, abs(enlarged), atol=1e-6)


def test_baselines_are_one_everywhere_and_one_on_the_head():
    maps = _part_maps()
    rows = np.array([2, 0])
    chance = difference_maps.BASELINES["chance"](maps)(PAIR, rows)
    np.testing.assert_array_equal(chance, np.ones((2, 15, 15)))
    head = difference_maps.BASELINES["always_head"](maps)(PAIR, rows)
    np.testing.assert_array_equal(head, maps.labels[rows] == 1)


def test_minmax_stretches_each_image_and_makes_a_constant_one_zero():
    scores = np.array([[[2, 4], [3, 6]], [[0.5, 0.5], [0.5, 0.5]]], np.float32)
    found = difference_maps.normalise(scores, "minmax")
    np.testing.assert_allclose(found, [[[0, 0.5], [0.25, 1]], [[0, 0], [0, 0]]])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(difference_maps.normalise(scores, "raw"), scores)
