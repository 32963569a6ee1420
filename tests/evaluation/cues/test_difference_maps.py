from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.part_maps import PartMaps
from pipeline.evaluation.cues import difference_maps
from pipeline.runtime.errors import UserError

PAIR = SimpleNamespace(label_a=0, label_b=12, parts=(7,))
IDS = ["a.jpg", "b.jpg", "c.jpg"]
LABELS = np.array([0, 12, 0])


def _part_maps(side=15):
    labels = np.random.default_rng(0).integers(0, 8, (3, side, side)).astype(np.uint8)
    return PartMaps(IDS, labels, np.ones((3, 7), bool), None, {})


def _store(path, rows, maps, targets):
    with MapStore.create(
        path, rows=rows, shape=(5, 5), method="m", targets=targets, units="u", attributes={}
    ) as writer:
        writer.write(0, maps, np.ones(len(rows), np.float32))
    return dict(zip(rows, maps, strict=True))


def _enlarged(attribution):
    return cv2.resize(attribution, (15, 15), interpolation=cv2.INTER_LINEAR)


def test_stored_maps_are_differenced_and_then_enlarged(tmp_path):
    rng = np.random.default_rng(1)
    rows = [(i, t) for t in ("12", "3", "0") for i in reversed(IDS)]
    maps = rng.normal(size=(9, 5, 5)).astype(np.float32)
    path = tmp_path / "maps.h5"
    by_row = _store(path, rows, maps, "class")
    with MapStore.open(path) as store:
        source = difference_maps.stored(store, _part_maps(), LABELS)
        found = source(PAIR, np.array([0, 2]))
        with pytest.raises(UserError, match=r"b\.jpg"):
            source(SimpleNamespace(label_a=0, label_b=5), np.array([1]))
    for image, score in zip(("a.jpg", "c.jpg"), found, strict=True):
        signed = by_row[image, "0"] - by_row[image, "12"]
        np.testing.assert_allclose(score, abs(_enlarged(signed)), atol=1e-6)


def test_counterfactual_maps_are_those_of_each_images_own_class_against_the_other(tmp_path):
    rows = [("a.jpg", "0>12"), ("b.jpg", "12>0"), ("c.jpg", "0>12"), ("c.jpg", "0>3")]
    maps = np.random.default_rng(2).normal(size=(4, 5, 5)).astype(np.float32)
    by_row = _store(tmp_path / "maps.h5", rows, maps, "counterfactual")
    with MapStore.open(tmp_path / "maps.h5") as store:
        found = difference_maps.stored(store, _part_maps(), LABELS)(PAIR, np.array([0, 1, 2]))
    for row, score in zip(rows[:3], found, strict=True):
        np.testing.assert_allclose(score, abs(_enlarged(by_row[row])), atol=1e-6)


def test_maps_that_know_no_class_are_ranked_as_they_are(tmp_path):
    maps = np.random.default_rng(3).normal(size=(3, 5, 5)).astype(np.float32)
    _store(tmp_path / "maps.h5", [(image, "prior") for image in IDS], maps, "prior")
    with MapStore.open(tmp_path / "maps.h5") as store:
        found = difference_maps.stored(store, _part_maps(), LABELS)(PAIR, np.array([0, 2]))
    for attribution, score in zip(maps[[0, 2]], found, strict=True):
        np.testing.assert_allclose(score, _enlarged(attribution), atol=1e-6)
    assert found.min() < 0


def test_maps_of_supersets_tell_no_classes_apart(tmp_path):
    maps = np.ones((3, 5, 5), np.float32)
    _store(tmp_path / "maps.h5", [(image, "superset:0") for image in IDS], maps, "superset")
    with (
        MapStore.open(tmp_path / "maps.h5") as store,
        pytest.raises(UserError, match="supersets"),
    ):
        difference_maps.stored(store, _part_maps(), LABELS)


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


def test_released_cuts_maps_of_calm_and_stretches_others():
    scores = np.array([[[0.1, 0.2], [0.3, 1.5]], [[0.5, 0.5], [0.5, 0.5]]], np.float32)
    cut = difference_maps.normalise(scores, "released", calm=True)
    np.testing.assert_array_equal(cut, np.float32([[[0.1, 0.2], [0.3, 1]], [[0, 0], [0, 0]]]))
    assert cut.dtype == np.float32
    stretched = difference_maps.normalise(scores, "released")
    np.testing.assert_array_equal(stretched, difference_maps.normalise(scores, "minmax"))
