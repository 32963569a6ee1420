import cv2
import numpy as np
import pandas as pd
import pytest

from pipeline.artefacts.maps import MapStore
from pipeline.evaluation.localisation.wsol import center_gaussian
from pipeline.evaluation.localisation.wsol_maps import score_maps, stored_score_maps
from pipeline.settings import Wsol


@pytest.mark.parametrize(
    ("upsampling", "method"), [("bilinear", cv2.INTER_LINEAR), ("bicubic", cv2.INTER_CUBIC)]
)
def test_maps_are_resized_as_opencv_does_and_stretched(upsampling, method):
    rng = np.random.default_rng(1)
    maps = rng.random((3, 7, 7)) * 1e-40  # as small as probabilities get
    scores = score_maps(maps, 40, Wsol(upsampling=upsampling))
    assert scores.shape == (3, 40, 40)
    for attribution, score in zip(maps, scores, strict=True):
        large = cv2.resize(attribution * 1e40, (40, 40), interpolation=method)
        np.testing.assert_allclose(score, (large - large.min()) / np.ptp(large), atol=1e-6)
        assert (score.min(), score.max()) == (0, 1)


def test_max_keeps_the_positive_part_over_its_maximum():
    maps = np.random.default_rng(2).normal(size=(4, 6, 6))
    maps[3] += 5  # nowhere negative: nothing becomes 0
    scores = score_maps(maps, 6, Wsol(normalisation="max"))
    for attribution, score in zip(maps, scores, strict=True):
        np.testing.assert_allclose(score, np.maximum(attribution, 0) / attribution.max())
    assert scores[3].min() > 0


@pytest.mark.parametrize("percentile", [0.0, 0.3, 0.45])
def test_ivr_starts_at_the_percentile(percentile):
    maps = np.random.default_rng(3).normal(size=(3, 10, 10))
    scores = score_maps(maps, 10, Wsol(normalisation="ivr", ivr_percentile=percentile))
    for attribution, score in zip(maps, scores, strict=True):
        low = np.sort(attribution.ravel())[int(100 * percentile)]
        expected = np.maximum(attribution - low, 0) / (attribution.max() - low)
        np.testing.assert_allclose(score, expected, atol=1e-12)
        assert (score > 0).sum() == 99 - int(100 * percentile)
    if percentile == 0:
        np.testing.assert_array_equal(scores, score_maps(maps, 10, Wsol()))


@pytest.mark.parametrize("normalisation", ["minmax", "max", "ivr"])
def test_constant_and_broken_maps_become_zeros(normalisation):
    maps = np.full((6, 5, 5), 0.3)
    maps[1, 2, 2] = np.nan
    maps[2, 0, 0] = np.inf
    maps[3, 0, 0] = -np.inf
    maps[4] = -1.0
    maps[5, 0, 0] = 1.0
    scores = score_maps(maps, 10, Wsol(normalisation=normalisation))
    assert (scores[:5] == 0).all()
    assert scores[5].max() == 1


@pytest.mark.parametrize("upsampling", ["bilinear", "bicubic"])
@pytest.mark.parametrize("normalisation", ["minmax", "max", "ivr"])
def test_what_enlarging_rounds_is_no_structure(normalisation, upsampling):
    section = Wsol(normalisation=normalisation, upsampling=upsampling)
    for value in (0.1, 0.3, 1 / 3, 7.7e-12, 2.0):
        assert not score_maps(np.full((1, 7, 7), value), 61, section).any()


def test_maps_come_in_the_order_of_the_records_in_every_batch(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.evaluation.localisation.wsol_maps.BATCH", 3)
    rng = np.random.default_rng(4)
    ids, labels = [f"{k}.jpg" for k in range(8)], rng.integers(0, 3, 8)
    rows = [(name, f"superset:{label}") for name, label in zip(ids, labels, strict=True)]
    maps = rng.random((8, 5, 5)).astype(np.float32)
    order = rng.permutation(8)
    with MapStore.create(
        tmp_path / "maps.h5",
        rows=[rows[k] for k in order],
        shape=(5, 5),
        method="subset",
        targets="superset",
        units="",
        attributes={},
    ) as writer:
        writer.write(0, maps[order], np.ones(8))
    records = pd.DataFrame({"image_id": ids, "label": labels})
    with MapStore.open(tmp_path / "maps.h5") as store:
        found = list(stored_score_maps(store, records, 9, Wsol()))
    np.testing.assert_array_equal(found, score_maps(maps, 9, Wsol()))


def test_level_sets_of_the_center_gaussian_are_centred_discs():
    gaussian = center_gaussian(40)
    assert (gaussian.min(), gaussian.max()) == (0, 1)
    np.testing.assert_allclose(gaussian, gaussian[::-1])
    np.testing.assert_allclose(gaussian, gaussian.T)
    offset = np.arange(40) - 19.5
    radius = np.hypot(offset[:, None], offset[None])
    assert (np.diff(gaussian.ravel()[np.argsort(radius.ravel())]) <= 1e-12).all()
