import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score
from wsol_study import IMAGES, SIZE, call, expected, store_own, wsol_study

from pipeline.artefacts.records import write_records
from pipeline.settings import Wsol


@pytest.fixture
def study(tmp_path):
    return wsol_study(tmp_path)


def with_masks(folder, records, ignore=True):
    """Give every image two masks about its box, some with pixels to ignore."""
    rng = np.random.default_rng(7)
    for i, record in enumerate(records):
        x0, y0, x1, y1 = (int(corner) for corner in record["boxes"])
        halves = np.zeros((2, 48, 64), np.uint8)
        halves[0, y0:y1, x0 : x0 + 12] = halves[1, y0 + 4 : y1, x0 + 12 : x1] = 255
        record["masks"] = [str(folder / f"{i}_{half}.png") for half in range(2)]
        for path, half in zip(record["masks"], halves, strict=True):
            Image.fromarray(half).save(path)
        if ignore and i % 3 == 0:
            record["ignore"] = str(folder / f"{i}_ignore.png")
            Image.fromarray((rng.random((48, 64)) < 0.3).astype(np.uint8)).save(record["ignore"])
    write_records(folder / "test.parquet", pd.DataFrame(records))


def pixels(record):
    """The labels of a 64 x 48 image on the square of 32 pixels: object, ignored."""
    rows, columns = [int((k + 0.5) * 1.5) for k in range(SIZE)], np.arange(SIZE) * 2 + 1
    read = [np.asarray(Image.open(path))[np.ix_(rows, columns)] > 0 for path in record["masks"]]
    inside = np.any(read, axis=0)
    ignored = np.zeros_like(inside)
    if record["ignore"]:
        ignored = np.asarray(Image.open(record["ignore"]))[np.ix_(rows, columns)] > 0
    return inside, ignored & ~inside


def test_pxap_is_average_precision_without_the_ignored_pixels(study):
    folder, records, maps = study
    with_masks(folder, records)
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(records[4]["masks"][0])
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(records[4]["masks"][1])
    score = call(folder, "--maps", store_own(folder, records, maps))
    scores, inside, weights = [], [], []
    for i, record in enumerate(records):
        if i == 4:
            continue
        large = cv2.resize(maps[i].astype(np.float64), (SIZE, SIZE))
        scores.append(((large - large.min()) / np.ptp(large)).ravel().astype(np.float32))
        label, ignored = pixels(record)
        inside.append(label.ravel())
        weights.append(1.0 - ignored.ravel())
    scores, inside, weights = (np.concatenate(each) for each in (scores, inside, weights))
    exact = average_precision_score(inside, scores, sample_weight=weights)
    binned = average_precision_score(
        inside, np.digitize(scores, [*np.arange(0, 1, 0.001), 1]), sample_weight=weights
    )
    assert score["values"]["class.pxap"] == pytest.approx(exact, abs=1e-4)  # OpenCV's rounding
    assert score["values"]["class.pxap_bins"] == pytest.approx(binned, abs=1e-4)
    assert exact != pytest.approx(average_precision_score(inside, scores), abs=1e-3)
    low, high = score["intervals"]["class.pxap"]
    assert low < exact < high
    details = score["details"]["class"]
    assert (details["images_with_masks"], details["images_without_object_pixels"]) == (IMAGES, 1)
    with np.load(folder / "score.npz") as arrays:
        counts = arrays["class.pixel_counts"]
        assert arrays["replicates.class.pxap"].shape == (50,)
    assert counts[:, 1].sum() == inside.sum()
    assert counts[:, 0].sum() == (weights[~inside]).sum()
    assert not counts[4].any()


def test_the_segmentation_counts_as_a_mask_where_asked(study):
    folder, records, maps = study
    with_masks(folder, records, ignore=False)
    path = store_own(folder, records, maps)
    asked = {"masks": True}
    with_instances = call(folder, "--maps", path, section=asked)["values"]
    for record in records:
        union = np.maximum(*(np.asarray(Image.open(mask)) for mask in record["masks"]))
        record["segmentation"] = record["masks"][0].replace("_0.png", "_union.png")
        record["masks"] = []
        Image.fromarray(union).save(record["segmentation"])
    write_records(folder / "test.parquet", pd.DataFrame(records))
    assert call(folder, "--maps", path, section=asked)["values"] == with_instances
    assert "class.pxap" not in call(folder, "--maps", path)["values"]


def test_boxes_and_masks_may_be_known_of_different_images(study):
    folder, records, maps = study
    path = store_own(folder, records, maps)
    with_masks(folder, records)
    whole = call(folder, "--maps", path)["values"]
    boxed, masked = records[:5], records[3:8]
    for record in records:
        if record not in boxed:
            record["boxes"] = []
        if record not in masked:
            record["masks"], record["ignore"] = [], ""
    write_records(folder / "test.parquet", pd.DataFrame(records))
    score = call(folder, "--maps", path)
    assert score["details"]["images"] == 8
    assert score["details"]["images_without_boxes"] == IMAGES - 5
    assert (
        score["values"]["class.maxboxaccv2"]
        == (expected(boxed, list(maps.values())[:5], Wsol()).compute()["v2"])
    )
    with np.load(folder / "score.npz") as arrays:
        assert arrays["image_id"].tolist() == [record["image_id"] for record in records[:8]]
        assert np.isnan(arrays["class.best_iou"]).all(axis=1).tolist() == [False] * 5 + [True] * 3
        assert arrays["class.pixel_counts"].any(axis=(1, 2)).tolist() == [False] * 3 + [True] * 5

    for record in records:
        record["boxes"] = []
    write_records(folder / "test.parquet", pd.DataFrame(records))
    alone = call(folder, "--maps", path)["values"]
    assert set(alone) == {"class.pxap", "class.pxap_bins"}
    assert alone["class.pxap"] == score["values"]["class.pxap"] != whole["class.pxap"]
