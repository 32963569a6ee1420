import collections
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from pipeline.attribution.store import MapStore
from pipeline.datasets.records import write_records
from pipeline.errors import UserError
from pipeline.evaluation.boxes import MaxBoxAccuracy
from pipeline.evaluation.scores import read_score
from pipeline.evaluation.wsol import center_gaussian, run, score_maps, stored_boxes
from pipeline.geometry import stored_part
from pipeline.settings import Wsol

SIZE = 32
IMAGES = 12
LABELS = [i % 3 for i in range(IMAGES)]
IDENTITY = {
    "dataset": "birds",
    "architecture": "small",
    "variant": "cam",
    "seed": 0,
    "method": "cam",
}


@pytest.fixture
def study(tmp_path):
    """Images of 64 x 48 with a blob on the object for odd ones and off it for even ones."""
    rng = np.random.default_rng(0)
    records, maps = [], {}
    for i in range(IMAGES):
        x, y = rng.integers(4, 24), rng.integers(4, 16)
        box = [float(x), float(y), x + 30.0, y + 24.0]
        centre = ((box[0] + box[2]) / 2 / 64 * 8, (box[1] + box[3]) / 2 / 48 * 8)
        if i % 2 == 0:
            centre = (1.0, 1.0)
        grid = np.arange(8) + 0.5
        blob = np.exp(-((grid - centre[0]) ** 2 + (grid[:, None] - centre[1]) ** 2) / 4)
        maps[i] = (1e-4 * blob).astype(np.float32)
        records.append(
            {
                "image_id": f"a/{i}.jpg",
                "path": f"/images/a/{i}.jpg",
                "class_id": LABELS[i] + 1,
                "label": LABELS[i],
                "width": 64,
                "height": 48,
                "boxes": box,
                "segmentation": "",
                "keypoints": [],
                "true_parts": "",
            }
        )
    write_records(tmp_path / "test.parquet", pd.DataFrame(records))
    return tmp_path, records, maps


def store(path, rows, maps):
    """A store of the given rows (image id, target) and maps."""
    with MapStore.create(
        path, rows=rows, shape=maps[0].shape, method="cam", units="logit", attributes={}
    ) as writer:
        writer.write(0, np.stack(maps), np.ones(len(rows)))


def call(folder, *source, section=None):
    out = folder / "score.json"
    section = json.dumps(section or {"bootstrap": {"replicates": 50}})
    data = ["--records", str(folder / "test.parquet"), "--size", str(SIZE)]
    run(
        [
            "--section",
            section,
            *source,
            *data,
            "--identity",
            json.dumps(IDENTITY),
            "--out",
            str(out),
        ]
    )
    return read_score(out)


def expected(records, maps, section):
    """The same measurement with OpenCV's resizing, image by image."""
    metric = MaxBoxAccuracy(section.iou_thresholds, section.contours)
    for record, attribution in zip(records, maps, strict=True):
        large = cv2.resize(attribution.astype(np.float64), (SIZE, SIZE))
        span = large.max() - large.min()
        scores = (large - large.min()) / span if span > 0 else np.zeros_like(large)
        x0, y0, x1, y1 = record["boxes"]
        truth = [x0 * SIZE / 64, y0 * SIZE / 48, x1 * SIZE / 64, y1 * SIZE / 48]
        metric.update(scores, np.array([[int(number) for number in truth]]))
    return metric


def test_scores_equal_the_measurement_of_each_true_class(study):
    folder, records, maps = study
    rows, stored = [], []
    for i, record in enumerate(records):  # of each image its own class and another one
        for label in (LABELS[i], LABELS[i] + 1):
            rows.append((record["image_id"], str(label)))
            stored.append(maps[i] if label == LABELS[i] else np.zeros((8, 8), np.float32))
    store(folder / "maps.h5", rows, stored)
    score = call(folder, "--maps", str(folder / "maps.h5"))
    result = expected(records, list(maps.values()), Wsol()).compute()
    assert score["values"] == {
        "class.maxboxaccv2": result["v2"],
        "class.maxboxacc_30": result["accuracy"][0.3],
        "class.maxboxacc_50": result["accuracy"][0.5],
        "class.maxboxacc_70": result["accuracy"][0.7],
    }
    assert 0.3 < result["v2"] < 0.9
    assert score["details"]["class"]["map_threshold"]["50"] == result["threshold"][0.5]
    assert score["details"]["class"]["constant_maps"] == 0
    assert score["details"]["images"] == IMAGES
    assert score["identity"] == IDENTITY
    assert set(score["provenance"]["inputs"]) == {"maps", "records"}


def test_every_kind_of_target_in_the_file_is_measured_and_counterfactuals_are_not(study):
    folder, records, maps = study
    rows, stored = [], []
    for i, record in enumerate(records):
        for target, attribution in (
            (f"{LABELS[i]}>5", np.zeros((8, 8), np.float32)),
            ("prior", maps[i]),
            (f"superset:{LABELS[i]}", maps[(i + 1) % IMAGES]),
        ):
            rows.append((record["image_id"], target))
            stored.append(attribution)
    store(folder / "maps.h5", rows, stored)
    score = call(folder, "--maps", str(folder / "maps.h5"))
    kinds = {name.split(".")[0] for name in score["values"]}
    assert kinds == {"superset", "prior"}
    for kind, shift in (("prior", 0), ("superset", 1)):
        of_kind = [maps[(i + shift) % IMAGES] for i in range(IMAGES)]
        result = expected(records, of_kind, Wsol()).compute()
        assert score["values"][f"{kind}.maxboxaccv2"] == result["v2"]


def test_per_image_results_reproduce_values_and_intervals(study):
    folder, records, maps = study
    rows = [(record["image_id"], str(LABELS[i])) for i, record in enumerate(records)]
    store(folder / "maps.h5", rows, list(maps.values()))
    score = call(folder, "--maps", str(folder / "maps.h5"))
    with np.load(folder / "score.npz") as arrays:
        assert arrays["image_id"].tolist() == [record["image_id"] for record in records]
        best_iou, peak = arrays["class.best_iou"], arrays["class.peak"]
    levels = (np.arange(0, 1, 0.001)[None] * peak[:, None]).astype(int)
    at_tau = np.take_along_axis(best_iou, levels, axis=1)  # (N, 1000)
    assert score["values"]["class.maxboxacc_50"] == (at_tau >= 0.5).mean(axis=0).max()
    own = score["details"]["class"]["accuracy_at_own_threshold"]["50"]
    assert own == (at_tau.max(axis=1) >= 0.5).mean()

    # Percentile bootstrap with the threshold chosen again in each replicate, written plainly.
    rng = np.random.default_rng(0)
    replicates = [
        (at_tau[drawn] >= 0.5).mean(axis=0).max()
        for drawn in rng.integers(IMAGES, size=(50, IMAGES))
    ]
    low, high = score["intervals"]["class.maxboxacc_50"]
    assert low == pytest.approx(np.quantile(replicates, 0.025))
    assert high == pytest.approx(np.quantile(replicates, 0.975))
    assert low < high


def test_equal_inputs_give_equal_bytes(study):
    folder, records, maps = study
    rows = [(record["image_id"], str(LABELS[i])) for i, record in enumerate(records)]
    store(folder / "maps.h5", rows, list(maps.values()))
    contents = []
    for _ in range(2):
        call(folder, "--maps", str(folder / "maps.h5"))
        contents.append([(folder / f"score{ending}").read_bytes() for ending in (".json", ".npz")])
    assert contents[0] == contents[1]


def test_settings_change_the_measurement(study):
    folder, records, maps = study
    rows = [(record["image_id"], str(LABELS[i])) for i, record in enumerate(records)]
    store(folder / "maps.h5", rows, list(maps.values()))
    section = {
        "iou_thresholds": [0.55],
        "contours": "largest",
        "upsampling": "bicubic",
        "bootstrap": {"replicates": 5},
    }
    score = call(folder, "--maps", str(folder / "maps.h5"), section=section)
    assert set(score["values"]) == {"class.maxboxaccv2", "class.maxboxacc_55"}


def test_missing_maps_and_boxes_are_named(study):
    folder, records, maps = study
    rows = [(record["image_id"], str(LABELS[i])) for i, record in enumerate(records)]
    store(folder / "maps.h5", rows[:-1], list(maps.values())[:-1])
    with pytest.raises(UserError, match=r"a/11\.jpg"):
        call(folder, "--maps", str(folder / "maps.h5"))
    store(folder / "maps.h5", [(image, "1>2") for image, _ in rows], list(maps.values()))
    with pytest.raises(UserError, match="nothing to localise"):
        call(folder, "--maps", str(folder / "maps.h5"))

    write_records(
        folder / "test.parquet", pd.DataFrame([{**record, "boxes": []} for record in records])
    )
    with pytest.raises(UserError, match="no image with a box"):
        call(folder, "--baseline", "center_gaussian")
    assert not (folder / "score.json").exists()


def test_images_without_boxes_are_left_out_and_counted(study):
    folder, records, _ = study
    records[0]["boxes"] = []
    write_records(folder / "test.parquet", pd.DataFrame(records))
    details = call(folder, "--baseline", "center_gaussian")["details"]
    assert (details["images"], details["images_without_boxes"]) == (IMAGES - 1, 1)


def test_boxes_are_scaled_and_cut_to_whole_pixels():
    corners = [60.0, 27.0, 385.0, 331.0, 0.0, 0.0, 500.0, 335.0]
    records = pd.DataFrame({"boxes": [corners, []], "width": 500, "height": 335})
    boxes, none = stored_boxes(records, 224, "square")
    assert boxes.tolist() == [[26, 18, 172, 221], [0, 0, 224, 224]]
    assert none.shape == (0, 4)
    boxes, none = stored_boxes(records, 224, "short_side")  # columns 82 to 417 are stored
    assert boxes.tolist() == [[0, 18, 202, 221], [0, 0, 224, 224]]
    assert none.shape == (0, 4)


def test_boxes_are_those_of_the_stored_square(study):
    folder, records, _ = study
    for record in records:  # 64 x 48: columns 8 to 56 are stored, the box fills their middle
        record["boxes"] = [20.0, 12.0, 44.0, 36.0]
    records[0]["boxes"] += [57.0, 0.0, 64.0, 48.0]
    records[1]["boxes"] = [0.0, 0.0, 8.0, 48.0]
    write_records(folder / "test.parquet", pd.DataFrame(records))
    score = call(folder, "--resize=short_side", "--baseline", "center_gaussian")
    details = score["details"]
    assert (details["images"], details["images_without_boxes"]) == (IMAGES - 1, 1)
    assert details["boxes_cut_away"] == 2
    section = {"iou_thresholds": [0.85], "bootstrap": {"replicates": 5}}
    for resize, right in (("short_side", 1.0), ("square", 0.0)):  # squeezed, it is no square
        source = [f"--resize={resize}", "--baseline", "center_gaussian"]
        assert call(folder, *source, section=section)["values"]["prior.maxboxaccv2"] == right


@pytest.mark.parametrize(
    ("upsampling", "method"), [("bilinear", cv2.INTER_LINEAR), ("bicubic", cv2.INTER_CUBIC)]
)
def test_maps_are_resized_as_opencv_does_and_stretched(upsampling, method):
    rng = np.random.default_rng(1)
    maps = rng.random((3, 7, 7)) * 1e-40  # as small as probabilities get
    scores = score_maps(maps, 40, upsampling)
    assert scores.shape == (3, 40, 40)
    for attribution, score in zip(maps, scores, strict=True):
        large = cv2.resize(attribution * 1e40, (40, 40), interpolation=method)
        np.testing.assert_allclose(score, (large - large.min()) / np.ptp(large), atol=1e-6)
        assert (score.min(), score.max()) == (0, 1)


def test_constant_and_broken_maps_become_zeros():
    maps = np.full((4, 5, 5), 0.3)
    maps[1, 2, 2] = np.nan
    maps[2, 0, 0] = np.inf
    maps[3, 0, 0] = 1.0
    scores = score_maps(maps, 10, "bilinear")
    assert (scores[:3] == 0).all()
    assert scores[3].max() == 1


def test_level_sets_of_the_center_gaussian_are_centred_discs():
    gaussian = center_gaussian(40)
    assert (gaussian.min(), gaussian.max()) == (0, 1)
    np.testing.assert_allclose(gaussian, gaussian[::-1])
    np.testing.assert_allclose(gaussian, gaussian.T)
    offset = np.arange(40) - 19.5
    radius = np.hypot(offset[:, None], offset[None])
    assert (np.diff(gaussian.ravel()[np.argsort(radius.ravel())]) <= 1e-12).all()


def test_the_baseline_is_right_where_the_object_is_central(study):
    folder, records, _ = study
    for record in records:
        record["boxes"] = [16.0, 12.0, 48.0, 36.0]
    write_records(folder / "test.parquet", pd.DataFrame(records))
    score = call(folder, "--baseline", "center_gaussian")
    assert score["values"]["prior.maxboxacc_70"] == 1.0
    assert score["intervals"]["prior.maxboxacc_70"] == [1.0, 1.0]
    assert set(score["provenance"]["inputs"]) == {"records"}


@pytest.mark.real_data
@pytest.mark.skipif("CALM_DATA" not in os.environ, reason="CALM_DATA is unset")
def test_center_gaussian_on_a_part_of_cub():
    folder = Path(os.environ["CALM_DATA"]) / "wsol_metadata" / "CUB" / "test"
    sizes = {}
    for line in (folder / "image_sizes.txt").read_text().splitlines():
        image_id, width, height = line.rsplit(",", 2)
        sizes[image_id] = int(width), int(height)
    boxes = collections.defaultdict(list)
    for line in (folder / "localization.txt").read_text().splitlines():
        image_id, *corners = line.rsplit(",", 4)
        boxes[image_id] += map(float, corners)
    metric = MaxBoxAccuracy()
    gaussian = center_gaussian(224)
    for image_id in list(boxes)[::20]:
        part = stored_part(sizes[image_id], "square")
        metric.update(gaussian, part.stored_boxes(boxes[image_id], 224).astype(int))
    assert len(metric.peak) == 290
    result = metric.compute()
    # Over all 5 794 images: 93.9, 59.6, 17.0; mean 56.8 percent.
    assert result["v2"] == pytest.approx(0.568, abs=0.02)
    assert result["accuracy"][0.5] == pytest.approx(0.596, abs=0.03)
