import collections
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from wsol_study import IDENTITY, IMAGES, LABELS, SIZE, call, expected, store, store_own, wsol_study

from pipeline.artefacts.records import write_records
from pipeline.evaluation.localisation.boxes import MaxBoxAccuracy
from pipeline.evaluation.localisation.wsol import Split, center_gaussian, localise
from pipeline.evaluation.localisation.wsol_summary import Localisation, summarise
from pipeline.images.geometry import stored_part
from pipeline.runtime.errors import UserError
from pipeline.settings import Wsol


@pytest.fixture
def study(tmp_path):
    return wsol_study(tmp_path)


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


def test_a_measurement_is_a_function_of_files(study):
    folder, records, maps = study
    test = Split(folder / "test.parquet", Path(store_own(folder, records, maps)))
    section = Wsol.model_validate({"bootstrap": {"replicates": 50}})
    result = localise(section, test, SIZE)
    score = call(folder, "--maps", str(test.maps))
    assert result.values == score["values"]
    assert {name: list(ends) for name, ends in result.intervals.items()} == score["intervals"]


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

    # The bootstrap at the value's own threshold, lowered by half the optimism, written plainly.
    draws = np.random.default_rng(0).integers(IMAGES, size=(50, IMAGES))

    def lowered(delta):
        right = at_tau >= delta
        curve, resampled = right.mean(axis=0), [right[drawn].mean(axis=0) for drawn in draws]
        kept = np.array([each[curve.argmax()] for each in resampled])
        optimism = np.mean([each.max() - curve[each.argmax()] for each in resampled])
        return kept - (optimism - (kept - curve.max()).mean()) / 2

    replicates = {
        "class.maxboxacc_50": np.clip(lowered(0.5), 0, 1),
        "class.maxboxacc_50_own_threshold": [own[drawn].mean() for drawn in draws],
        "class.maxboxaccv2": np.mean(
            [np.clip(lowered(delta), 0, 1) for delta in (0.3, 0.5, 0.7)], axis=0
        ),
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


def test_the_normalisation_changes_the_maps(study):
    folder, records, maps = study
    path = store_own(folder, records, {i: each - 0.2 * each.max() for i, each in maps.items()})
    found = {}
    for normalisation in ("minmax", "max", "ivr"):
        score = call(folder, "--maps", path, section={"normalisation": normalisation})
        found[normalisation] = score["details"]["class"]["map_threshold"]["50"]
    assert len(set(found.values())) == 3


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
    for resize, right in (("short_side", 1.0), ("square", 0.0)):  # squeezed, it is not a square
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
def test_center_gaussian_on_a_part_of_cub(calm_data):
    folder = calm_data / "wsol_metadata" / "CUB" / "test"
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
