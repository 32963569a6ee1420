import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import read_pairs
from pipeline.artefacts.part_maps import PartMaps
from pipeline.artefacts.records import write_records
from pipeline.artefacts.scores import read_score
from pipeline.evaluation.cues import cue_localization
from pipeline.evaluation.cues.difference_maps import always_head, stored
from pipeline.runtime.errors import UserError
from pipeline.settings import CueLocalization

SIDE = 12
PAIRS = """class_a,class_b,label_a,label_b,parts,n_parts
1,3,0,1,1;7,2
1,5,0,2,3,1
3,5,1,2,1,1
"""
PARTS = {(0, 1): (1, 7), (0, 2): (3,), (1, 2): (1,)}
IDENTITY = {"dataset": "d", "architecture": "a", "variant": "v", "seed": 0, "method": "joint"}
HEAD_HIDDEN, BELLY_HIDDEN = 2, 8  # images


@pytest.fixture
def study(tmp_path):
    """Three classes of five images, maps of 4 x 4 for every class; image 2 hides its head."""
    rng = np.random.default_rng(0)
    ids = [f"{index // 5}/{index}.jpg" for index in range(15)]
    labels = np.arange(15) // 5
    parts = rng.integers(0, 8, (15, SIDE, SIDE)).astype(np.uint8)
    visible = np.ones((15, 7), bool)
    for image, part in ((HEAD_HIDDEN, 1), (HEAD_HIDDEN, 7), (BELLY_HIDDEN, 1), (BELLY_HIDDEN, 3)):
        parts[image][parts[image] == part] = 0
        visible[image, part - 1] = False
    truth = rng.permuted(parts, axis=1)
    PartMaps(ids, parts, visible, truth, {"box": 15}).save(tmp_path / "part_maps.h5")
    (tmp_path / "pairs.csv").write_text(PAIRS)
    empty = {name: [""] * 15 for name in ("path", "segmentation", "true_parts", "ignore")}
    records = pd.DataFrame(
        {"image_id": ids, "label": labels, "class_id": 2 * labels + 1, **empty}
        | {"width": 30, "height": 20, "boxes": [[]] * 15, "keypoints": [[]] * 15}
        | {"masks": [[]] * 15, "upright": False}
    )
    # further images, and another order than the part maps'
    other = records.iloc[:1].assign(image_id="9/9.jpg", label=9)
    write_records(tmp_path / "test.parquet", pd.concat([other, records.iloc[::-1]]))
    rows = [(image, str(target)) for image in ids for target in range(3)]
    maps = rng.normal(size=(45, SIDE, SIDE)).astype(np.float32) * 2
    maps[0], maps[2] = 0.5, 0.25  # image 0: a constant difference of labels 0 and 2
    _store(tmp_path / "maps.h5", rows, maps, "class")
    return tmp_path, labels, maps.reshape(15, 3, SIDE, SIDE), parts, visible, truth


def _store(path, rows, maps, targets):
    with MapStore.create(
        path,
        rows=rows,
        shape=(SIDE, SIDE),
        method="joint",
        targets=targets,
        units="",
        attributes={},
    ) as writer:
        writer.write(0, maps, np.ones(len(rows), np.float32))


def _run(folder, section=None, *, maps=True, baseline=None, identity=None, out="out.json"):
    source = ["--maps", str(folder / "maps.h5")] if maps else ["--baseline", baseline]
    section = {"bootstrap": {"replicates": 50}} | (section or {})
    inputs = {"pairs": "pairs.csv", "part-maps": "part_maps.h5", "records": "test.parquet"}
    files = [f"--{name}={folder / file}" for name, file in (inputs | {"out": out}).items()]
    what = json.dumps(IDENTITY | (identity or {}))
    cue_localization.run([f"--section={json.dumps(section)}", *source, *files, "--identity", what])
    return read_score(folder / out)


def _pixels(study, pair, normalisation="raw", true=False):
    """Scores and labels of a pair's pixels, image by image."""
    _, labels, maps, parts, visible, truth = study
    scores, cues = [], []
    for image in np.flatnonzero(np.isin(labels, pair)):
        masks = truth[image] if true else parts[image]
        mask = np.isin(masks, PARTS[pair])
        if not (mask.any() if true else visible[image, np.array(PARTS[pair]) - 1].any()):
            continue
        score = np.abs(maps[image, pair[0]] - maps[image, pair[1]])
        if normalisation == "minmax":
            span = np.ptp(score)
            score = (score - score.min()) / span if span else 0 * score
        if normalisation == "cut":
            score = np.minimum(score, 1) * bool(np.ptp(score))
        scores.append(score.ravel())
        cues.append(mask.ravel())
    return np.concatenate(scores), np.concatenate(cues), len(scores)


def _expected(study, normalisation, true=False):
    pxap = {}
    for pair in PARTS:
        scores, cues, _ = _pixels(study, pair, normalisation, true)
        pxap[pair] = average_precision_score(cues, scores)
    one = (pxap[0, 2] + pxap[1, 2]) / 2
    two = pxap[0, 1]
    return {"1": one, "2": two, "weighted": (2 * one + two) / 3, "unweighted": (one + two) / 2}


def test_values_are_the_mean_average_precision_of_each_pairs_pixels(study):
    score = _run(study[0])
    for prefix, true in (("", False), ("true_", True)):
        for normalisation in ("raw", "minmax"):
            for key, value in _expected(study, normalisation, true).items():
                name = f"{prefix}mpxap_{key}_{normalisation}"
                assert score["values"].pop(name) == pytest.approx(value, abs=1e-6), name
    assert {name.removeprefix("true_").split("_")[0] for name in score["values"]} == {
        "mass",
        "rank",
    }  # see test_pair_relevance.py
    assert score["details"]["pairs"] == {"1": 2, "2": 1}
    # image 2 is skipped in pair (0, 1) and not in (0, 2); image 8 in (1, 2) and not in (0, 1)
    assert score["details"]["image_pairs_skipped"]["masks"] == 2
    assert score["details"]["image_pairs"]["masks"] == 28
    assert score["details"]["foreground"] == {"box": 15}
    assert set(score["provenance"]["inputs"]) == {"maps", "pairs", "part_maps", "records"}


def test_intervals_hold_their_values_and_per_image_results_stand_beside(study):
    folder = study[0]
    score = _run(folder, {"bootstrap": {"replicates": 400}})
    assert set(score["intervals"]) == set(score["values"])
    for name, (low, high) in score["intervals"].items():
        assert low < score["values"][name] < high
    first = (folder / "out.json").read_bytes(), (folder / "out.npz").read_bytes()
    _run(folder, {"bootstrap": {"replicates": 400}})
    assert first == ((folder / "out.json").read_bytes(), (folder / "out.npz").read_bytes())
    with np.load(folder / "out.npz") as arrays:
        assert arrays["class_b"].tolist() == [5, 5, 3]  # by number of parts, then class
        assert arrays["counts_raw"].shape == (28, 2, 256)
        assert arrays["counts_true_minmax"].shape[0] == len(arrays["true_row_pair"])
        assert arrays["pxap_raw"][:2].mean() == pytest.approx(score["values"]["mpxap_1_raw"])
        used = arrays["row_image"][arrays["row_pair"] == 2]
        assert HEAD_HIDDEN not in used
        assert arrays["image_id"][used[0]] == "0/0.jpg"
        for name, interval in score["intervals"].items():
            replicates = arrays[f"replicates.{name}"]
            assert replicates.shape == (400,)
            assert interval == pytest.approx(np.quantile(replicates, [0.025, 0.975]))


def _replicates(study, change):
    """Replicates of a method whose scores are ``change`` of the first one's."""
    folder, labels, *_ = study
    part_maps = PartMaps.load(folder / "part_maps.h5")
    with MapStore.open(folder / "maps.h5") as store:
        source = stored(store, part_maps, labels)
        _, _, _, arrays = cue_localization.evaluate(
            CueLocalization(bootstrap={"replicates": 40, "seed": 3}),
            read_pairs(folder / "pairs.csv"),
            part_maps,
            labels,
            lambda pair, rows: change(source(pair, rows), pair),
        )
    return {name: rows for name, rows in arrays.items() if name.startswith("replicates.")}


def test_methods_meet_the_same_resamples_so_that_they_can_be_compared_in_pairs(study):
    first = _replicates(study, lambda scores, pair: scores)
    # Another method that ranks the pixels alike: only other draws could make a difference.
    alike = _replicates(study, lambda scores, pair: scores.clip(0, 100) ** 3)
    assert set(first) == set(alike)
    for key in ("weighted", "unweighted", "1", "2"):
        name = f"replicates.mpxap_{key}_raw"
        np.testing.assert_allclose(first[name], alike[name], atol=1e-12)
        assert first[name].std() > 0
    # A method that is another in the pair (3, 5) alone, which has a differing part.
    noise = np.random.default_rng(8).random((15, SIDE, SIDE), np.float32)
    other = _replicates(
        study, lambda scores, pair: noise[: len(scores)] if pair.class_a == 3 else scores
    )
    name = "replicates.mpxap_{}_raw".format
    np.testing.assert_array_equal(first[name(2)], other[name(2)])
    moved = first[name(1)] != other[name(1)]
    assert 0 < moved.sum() < 40  # a resample without that pair is the same


@pytest.mark.parametrize("targets", ["prior", "counterfactual"])
def test_maps_that_need_no_difference_are_ranked_themselves(study, targets):
    folder, labels, maps, parts, visible, _ = study
    ids = [f"{index // 5}/{index}.jpg" for index in range(15)]
    if targets == "prior":
        signed = {(image, "prior"): maps[row, 0] - 1 for row, image in enumerate(ids)}
    else:
        signed = {
            (image, f"{own}>{other}"): maps[row, own] - maps[row, other]
            for row, (image, own) in enumerate(zip(ids, labels, strict=True))
            for other in {0, 1, 2} - {own}
        }
    _store(folder / "maps.h5", list(signed), np.stack(list(signed.values())), targets)
    values = _run(folder)["values"]
    if targets == "prior":  # the pixels' scores do not depend on the pair
        one = []
        for pair in ((0, 2), (1, 2)):
            used = [
                row
                for row in np.flatnonzero(np.isin(labels, pair))
                if visible[row, np.array(PARTS[pair]) - 1].any()
            ]
            cues = np.isin(parts[used], PARTS[pair])
            one.append(average_precision_score(cues.ravel(), maps[used, 0].ravel()))
        assert values["mpxap_1_raw"] == pytest.approx(np.mean(one), abs=1e-6)
    else:
        for key, value in _expected(study, "raw").items():
            assert values[f"mpxap_{key}_raw"] == pytest.approx(value, abs=1e-6)


def test_cumulative_pooling_never_resets_and_runs_by_number_of_parts(study):
    section = {"pooling": "cumulative", "thresholds": "even", "normalisations": ["minmax"]}
    score = _run(study[0], section)
    scores, cues, pxap = [], [], []
    for pair in ((0, 2), (1, 2), (0, 1)):
        found = _pixels(study, pair, "minmax")
        scores.append(found[0])
        cues.append(found[1])
        pooled = np.floor(np.concatenate(scores) * 1000)  # the even thresholds
        pxap.append(average_precision_score(np.concatenate(cues), pooled))
    assert score["values"]["mpxap_1_minmax"] == pytest.approx(np.mean(pxap[:2]), abs=1e-3)
    assert score["values"]["mpxap_2_minmax"] == pytest.approx(pxap[2], abs=1e-3)
    assert score["intervals"] == {}
    assert "cumulative" in score["details"]["intervals"]


@pytest.mark.parametrize(("method", "thresholds"), [("joint", "log"), ("cam", "even")])
def test_released_thresholds_depend_on_the_method_and_clip_raw_maps(study, method, thresholds):
    found = _run(study[0], {"thresholds": "released"}, identity={"method": method})
    assert found["details"]["thresholds"] == thresholds
    assert found["values"] == _run(study[0], {"thresholds": thresholds})["values"]
    # raw differences exceed 1 here: all of those are equal once clipped
    exact = _run(study[0])
    assert found["values"]["mpxap_1_raw"] != pytest.approx(exact["values"]["mpxap_1_raw"], abs=1e-4)


@pytest.mark.parametrize(
    ("method", "same"), [("joint", "cut"), ("cam", "minmax"), ("gradient", "minmax")]
)
def test_the_released_headline_is_that_of_each_kind_of_map(study, method, same):
    score = _run(study[0], {"normalisations": ["released"]}, identity={"method": method})
    for key, expected in _expected(study, same).items():
        assert score["values"][f"mpxap_{key}_released"] == pytest.approx(expected, abs=1e-6)
    other = _expected(study, {"cut": "minmax", "minmax": "cut"}[same])
    assert score["values"]["mpxap_1_released"] != pytest.approx(other["1"], abs=1e-4)


@pytest.mark.parametrize("thresholds", ["exact", "log"])
def test_chance_is_the_fraction_of_cue_pixels(study, thresholds):
    score = _run(study[0], {"thresholds": thresholds}, maps=False, baseline="chance")
    fractions = [_pixels(study, pair)[1].mean() for pair in ((0, 2), (1, 2), (0, 1))]
    for normalisation in ("raw", "minmax"):
        assert score["values"][f"mpxap_weighted_{normalisation}"] == pytest.approx(
            np.mean(fractions), abs=1e-12
        )
    assert "maps" not in score["provenance"]["inputs"]


def test_always_head_is_perfect_where_only_the_head_differs(study):
    _run(study[0], maps=False, baseline="always_head")
    with np.load(study[0] / "out.npz") as arrays:
        assert arrays["pxap_raw"][1] == 1  # pair (3, 5) differs in the head
        assert arrays["pxap_raw"][0] < 0.5


def test_inputs_that_do_not_belong_together_are_told(study):
    folder = study[0]
    records = pd.read_parquet(folder / "test.parquet")
    write_records(folder / "test.parquet", records[records["image_id"] != "1/7.jpg"])
    with pytest.raises(UserError, match=r"1/7\.jpg"):
        _run(folder)
    write_records(folder / "test.parquet", records)
    (folder / "pairs.csv").write_text(PAIRS + "7,8,20,21,1,1\n")
    with pytest.raises(UserError, match="class 7 or 8"):
        _run(folder)
    (folder / "pairs.csv").write_text("nothing\n")
    with pytest.raises(UserError, match=r"pairs\.csv"):
        _run(folder)


def test_a_value_whose_resamples_all_lack_a_cue_has_no_interval():
    parts = np.zeros((2, 8, 8), np.uint8)
    parts[0, :4] = 1  # the other image has no cue pixel
    part_maps = PartMaps(["a", "b"], parts, np.ones((2, 7), bool), None, {"none": 2})
    pair = {"class_a": 1, "class_b": 2, "label_a": 0, "label_b": 1, "parts": (1,), "n_parts": 1}
    found = set()
    for seed in range(8):  # one resample of two images lacks the first one in a quarter of cases
        section = CueLocalization(bootstrap={"replicates": 1, "seed": seed})
        values, intervals, _, _ = cue_localization.evaluate(
            section, pd.DataFrame([pair]), part_maps, np.array([0, 1]), always_head(part_maps)
        )
        assert set(values.values()) == {1.0}
        found.add(len(intervals))
    assert found == {0, len(values)}


def test_a_measurement_is_a_function_of_files(study):
    folder = study[0]
    section = CueLocalization.model_validate({"bootstrap": {"replicates": 50}})
    files = folder / "pairs.csv", folder / "part_maps.h5", folder / "test.parquet"
    result = cue_localization.localise_cues(
        section, *files, method="joint", maps=folder / "maps.h5"
    )
    assert result.values == _run(folder)["values"]
    with pytest.raises(UserError, match="--maps or --baseline"):
        cue_localization.localise_cues(section, *files, method="joint")
