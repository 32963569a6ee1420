import collections
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score

from pipeline.attribution.store import MapStore
from pipeline.datasets.records import write_records
from pipeline.errors import UserError
from pipeline.evaluation.boxes import MaxBoxAccuracy
from pipeline.evaluation.scores import read_score
from pipeline.evaluation.wsol import center_gaussian, run
from pipeline.evaluation.wsol_summary import Localisation, summarise
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
                "masks": [],
                "ignore": "",
                "keypoints": [],
                "true_parts": "",
            }
        )
    write_records(tmp_path / "test.parquet", pd.DataFrame(records))
    return tmp_path, records, maps


def store(path, rows, maps, targets="class"):
    """A store of the given rows (image id, target) and maps."""
    with MapStore.create(
        path,
        rows=rows,
        shape=maps[0].shape,
        method="cam",
        targets=targets,
        units="logit",
        attributes={},
    ) as writer:
        writer.write(0, np.stack(maps), np.ones(len(rows)))


def store_own(folder, records, maps, name="maps.h5"):
    """A store of each image's own class; returns its path."""
    rows = [(record["image_id"], str(record["label"])) for record in records]
    store(folder / name, rows, list(maps.values()))
    return str(folder / name)


def call(folder, *source, section=None):
    out = folder / "score.json"
    section = json.dumps({"bootstrap": {"replicates": 50}} | (section or {}))
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
    own = {name: value for name, value in score["values"].items() if "own" not in name}
    assert own == {
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


@pytest.mark.parametrize(
    ("kind", "target"), [("superset", "superset:{}".format), ("prior", lambda label: "prior")]
)
def test_maps_of_supersets_and_of_the_prior_are_measured_under_their_name(study, kind, target):
    folder, records, maps = study
    rows = [(record["image_id"], target(record["label"])) for record in records]
    store(folder / "maps.h5", rows, list(maps.values()), kind)
    score = call(folder, "--maps", str(folder / "maps.h5"))
    assert {name.split(".")[0] for name in score["values"]} == {kind}
    result = expected(records, list(maps.values()), Wsol()).compute()
    assert score["values"][f"{kind}.maxboxaccv2"] == result["v2"]


def test_per_image_results_reproduce_values_and_intervals(study):
    folder, records, maps = study
    score = call(folder, "--maps", store_own(folder, records, maps))
    with np.load(folder / "score.npz") as arrays:
        assert arrays["image_id"].tolist() == [record["image_id"] for record in records]
        best_iou, peak = arrays["class.best_iou"], arrays["class.peak"]
        stored = dict(arrays)
    levels = (np.arange(0, 1, 0.001)[None] * peak[:, None]).astype(int)
    at_tau = np.take_along_axis(best_iou, levels, axis=1)  # (N, 1000)
    assert score["values"]["class.maxboxacc_50"] == (at_tau >= 0.5).mean(axis=0).max()
    own = at_tau.max(axis=1) >= 0.5
    assert score["values"]["class.maxboxacc_50_own_threshold"] == own.mean()
    v2 = [(at_tau.max(axis=1) >= delta).mean() for delta in (0.3, 0.5, 0.7)]
    assert score["values"]["class.maxboxaccv2_own_threshold"] == pytest.approx(np.mean(v2))

    # Percentile bootstrap with the threshold chosen again in each replicate, written plainly.
    draws = np.random.default_rng(0).integers(IMAGES, size=(50, IMAGES))
    replicates = {
        "class.maxboxacc_50": [(at_tau[drawn] >= 0.5).mean(axis=0).max() for drawn in draws],
        "class.maxboxacc_50_own_threshold": [own[drawn].mean() for drawn in draws],
        "class.maxboxaccv2": [
            np.mean([(at_tau[drawn] >= d).mean(axis=0).max() for d in (0.3, 0.5, 0.7)])
            for drawn in draws
        ],
    }
    for name, plain in replicates.items():
        np.testing.assert_allclose(stored[f"replicates.{name}"], plain)
        low, high = score["intervals"][name]
        assert low == pytest.approx(np.quantile(plain, 0.025))
        assert high == pytest.approx(np.quantile(plain, 0.975))
        assert low < high


def test_equal_inputs_give_equal_bytes(study):
    folder, records, maps = study
    store_own(folder, records, maps)
    contents = []
    for _ in range(2):
        call(folder, "--maps", str(folder / "maps.h5"))
        contents.append([(folder / f"score{ending}").read_bytes() for ending in (".json", ".npz")])
    assert contents[0] == contents[1]


def test_settings_change_the_measurement(study):
    folder, records, maps = study
    store_own(folder, records, maps)
    section = {
        "iou_thresholds": [0.55],
        "contours": "largest",
        "upsampling": "bicubic",
        "bootstrap": {"replicates": 5},
    }
    score = call(folder, "--maps", str(folder / "maps.h5"), section=section)
    own = {f"class.{name}_own_threshold" for name in ("maxboxaccv2", "maxboxacc_55")}
    assert set(score["values"]) == {"class.maxboxaccv2", "class.maxboxacc_55"} | own


def test_missing_maps_and_boxes_are_named(study):
    folder, records, maps = study
    rows = [(record["image_id"], str(LABELS[i])) for i, record in enumerate(records)]
    store(folder / "maps.h5", rows[:-1], list(maps.values())[:-1])
    with pytest.raises(UserError, match=r"a/11\.jpg"):
        call(folder, "--maps", str(folder / "maps.h5"))
    counterfactual = [(image, "1>2") for image, _ in rows]
    store(folder / "maps.h5", counterfactual, list(maps.values()), "counterfactual")
    with pytest.raises(UserError, match="nothing to localise"):
        call(folder, "--maps", str(folder / "maps.h5"))

    write_records(
        folder / "test.parquet", pd.DataFrame([{**record, "boxes": []} for record in records])
    )
    with pytest.raises(UserError, match="no image with a box or an object mask"):
        call(folder, "--baseline", "center_gaussian")
    assert not (folder / "score.json").exists()


def test_images_without_boxes_are_left_out_and_counted(study):
    folder, records, _ = study
    records[0]["boxes"] = []
    write_records(folder / "test.parquet", pd.DataFrame(records))
    details = call(folder, "--baseline", "center_gaussian")["details"]
    assert (details["images"], details["images_without_boxes"]) == (IMAGES - 1, 1)


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


def test_the_baseline_is_right_where_the_object_is_central(study):
    folder, records, _ = study
    for record in records:
        record["boxes"] = [16.0, 12.0, 48.0, 36.0]
    write_records(folder / "test.parquet", pd.DataFrame(records))
    score = call(folder, "--baseline", "center_gaussian")
    assert score["values"]["prior.maxboxacc_70"] == 1.0
    assert score["intervals"]["prior.maxboxacc_70"] == [1.0, 1.0]
    assert set(score["provenance"]["inputs"]) == {"records"}


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


def test_v1_is_the_largest_contour_at_iou_half(study):
    folder, records, maps = study
    path = store_own(folder, records, maps)
    score = call(folder, "--maps", path, section={"v1": True})
    largest = Wsol(iou_thresholds=(0.5,), contours="largest")
    result = expected(records, list(maps.values()), largest).compute()
    assert score["values"]["class.maxboxacc_v1"] == result["v2"]
    alone = {"contours": "largest", "iou_thresholds": [0.5]}
    also = call(folder, "--maps", path, section=alone)
    assert score["intervals"]["class.maxboxacc_v1"] == also["intervals"]["class.maxboxacc_50"]
    assert "class.maxboxacc_v1" not in also["values"]


@pytest.fixture
def val(study):
    """Five other images, as the split val: their records and maps."""
    folder, records, maps = study
    rng = np.random.default_rng(9)
    others = [
        {**records[i], "image_id": f"val/{i}.jpg", "boxes": (rng.random(4) * 12 + [4, 2, 30, 20])}
        for i in range(5)
    ]
    blobs = {i: maps[i] * rng.random((8, 8)).astype(np.float32) for i in range(5)}
    write_records(folder / "val.parquet", pd.DataFrame(others))
    return others, blobs, ["--val-records", str(folder / "val.parquet"), "--val-maps"]


def best_iou(metric):
    """(N, 1000) best IoU at every threshold."""
    levels = (np.arange(0, 1, 0.001)[None] * metric.peak[:, None]).astype(int)
    return np.take_along_axis(metric.best_iou, levels, axis=1)


def test_the_threshold_of_val_is_used_on_the_test_images(study, val):
    folder, records, maps = study
    others, blobs, options = val
    source = ["--maps", store_own(folder, records, maps)]
    options = [*options, store_own(folder, others, blobs, "val.h5")]
    score = call(folder, *source, *options, section={"val_threshold": True})
    on_val = best_iou(expected(others, blobs.values(), Wsol()))
    on_test = best_iou(expected(records, maps.values(), Wsol()))
    v2 = []
    for delta in (0.3, 0.5, 0.7):
        chosen, most = 0, -1
        for tau in range(1000):  # the lowest of equals
            right = sum(on_val[image, tau] >= delta for image in range(5))
            if right > most:
                chosen, most = tau, right
        v2.append(np.mean([on_test[image, chosen] >= delta for image in range(IMAGES)]))
        name = f"{100 * delta:g}"
        assert score["values"][f"class.maxboxacc_{name}_val_threshold"] == v2[-1]
        found = score["details"]["class"]["val_map_threshold"][name]
        assert found == pytest.approx(chosen / 1000)
        assert v2[-1] <= score["values"][f"class.maxboxacc_{name}"]
        # The threshold is no choice of the resamples: the images alone vary.
        hits = on_test[:, chosen] >= delta
        draws = np.random.default_rng(0).integers(IMAGES, size=(50, IMAGES))
        with np.load(folder / "score.npz") as arrays:
            replicates = arrays[f"replicates.class.maxboxacc_{name}_val_threshold"]
        np.testing.assert_allclose(replicates, [hits[drawn].mean() for drawn in draws])
    assert score["values"]["class.maxboxaccv2_val_threshold"] == pytest.approx(np.mean(v2))
    assert v2 != [score["values"][f"class.maxboxacc_{name}"] for name in (30, 50, 70)]
    assert score["details"]["class"]["val_images"] == 5
    assert set(score["provenance"]["inputs"]) == {"maps", "records", "val_maps", "val_records"}
    # what is not asked for is not looked at
    assert call(folder, *source, *options) == call(folder, *source)


def test_the_baseline_needs_no_maps_of_val(study, val):
    folder = study[0]
    source = ["--baseline", "center_gaussian", *val[2]]
    score = call(folder, *source, section={"val_threshold": True})
    assert "prior.maxboxaccv2_val_threshold" in score["values"]
    assert set(score["provenance"]["inputs"]) == {"records", "val_records"}


def test_a_threshold_of_val_that_cannot_be_chosen_has_a_reason(study, val):
    folder, records, maps = study
    source = ["--maps", store_own(folder, records, maps)]
    others, _, options = val
    write_records(folder / "empty.parquet", pd.DataFrame(others)[:0])
    write_records(folder / "bare.parquet", pd.DataFrame([{**o, "boxes": []} for o in others]))
    cases = {
        "no val images": ["--val-records", "--val-maps"],  # as where the workflow has none
        "no maps": [*options],
        "no val image has a box": ["--val-records", str(folder / "bare.parquet"), "--val-maps=x"],
        "val image": ["--val-records", str(folder / "empty.parquet"), "--val-maps=x"],
    }
    for reason, given in cases.items():
        score = call(folder, *source, *given, section={"val_threshold": True})
        assert reason in score["details"]["class"]["val_threshold_absent"]
        assert not any("val_threshold" in name for name in score["values"])


def test_the_normalisation_changes_the_maps(study):
    folder, records, maps = study
    path = store_own(folder, records, {i: each - 0.2 * each.max() for i, each in maps.items()})
    found = {}
    for normalisation in ("minmax", "max", "ivr"):
        score = call(folder, "--maps", path, section={"normalisation": normalisation})
        found[normalisation] = score["details"]["class"]["map_threshold"]["50"]
    assert len(set(found.values())) == 3


def test_localisation_merged_of_any_parts_equals_the_whole(study):
    _, _, maps = study
    rng = np.random.default_rng(3)
    section = Wsol(v1=True)
    images = []
    for i in range(IMAGES):
        boxes = np.array([[2, 3, 20, 25]] * (i % 3)).reshape(-1, 4)
        labels = rng.choice(np.array([0, 1, 255], np.uint8), size=(8, 8)) if i % 4 else None
        images.append((maps[i] / maps[i].max(), boxes, labels))

    def measured(parts):
        localisation = Localisation(section)
        for image in parts:
            localisation.update(*image)
        return localisation

    whole = measured(images)
    expected = summarise(whole, None, section.bootstrap)
    for cut in (0, 1, 5, IMAGES):
        merged = measured(images[:cut])
        merged.merge(measured(images[cut:]))
        found = summarise(merged, None, section.bootstrap)
        assert found.values == expected.values
        assert found.details == expected.details
        for name, rows in whole.arrays().items():
            np.testing.assert_array_equal(merged.arrays()[name], rows)
    with pytest.raises(ValueError, match="merge"):
        whole.merge(Localisation(Wsol()))


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
