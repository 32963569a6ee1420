"""The map threshold that is chosen on val images."""

import numpy as np
import pandas as pd
import pytest
from wsol_study import IMAGES, call, expected, store_own, wsol_study

from pipeline.artefacts.records import write_records
from pipeline.settings import Wsol


@pytest.fixture
def study(tmp_path):
    return wsol_study(tmp_path)


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
        # The threshold is not a choice of the resamples: the images alone vary.
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
    others, blobs, options = val
    maps_of_val = ["--val-maps", store_own(folder, others, blobs, "val.h5")]
    write_records(folder / "empty.parquet", pd.DataFrame(others)[:0])
    write_records(folder / "bare.parquet", pd.DataFrame([{**o, "boxes": []} for o in others]))
    cases = {
        "no val images": ["--val-records", "--val-maps"],  # as where the workflow has none
        "no maps": [*options],
        "no val image has a box": ["--val-records", str(folder / "bare.parquet"), *maps_of_val],
        "val image": ["--val-records", str(folder / "empty.parquet"), *maps_of_val],
    }
    for reason, given in cases.items():
        score = call(folder, *source, *given, section={"val_threshold": True})
        assert reason in score["details"]["class"]["val_threshold_absent"]
        assert not any("val_threshold" in name for name in score["values"])
