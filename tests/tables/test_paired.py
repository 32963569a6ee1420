"""Why there is no paired difference, and replicates in which a value is not defined."""

import numpy as np
import pytest
from finished_study import JOB, cue_score, identity, score
from scipy import stats

from pipeline.artefacts.files import read_json, write_json
from pipeline.artefacts.scores import per_image_path, write_arrays
from pipeline.runtime.errors import UserError
from pipeline.settings import TablesJob
from pipeline.tables.accuracy import accuracy_table
from pipeline.tables.cues import cue_table
from pipeline.tables.metrics import metric_table
from pipeline.tables.pooling import pooled, seed_replicates
from pipeline.tables.scores import read_groups

JOB = TablesJob.model_validate(JOB)
CAM, GRADIENT = identity("cam", "cam"), identity("cam", "gradient")


def measured(path, who, value, replicates, ids=("a", "b"), task="insertion_deletion", name=None):
    """A score with the replicates of its one value."""
    name = name or "insertion"
    score(path, task, who, {name: value}, images=len(ids))
    arrays = {"image_id": np.array(ids)}
    if replicates is not None:
        arrays[f"replicates.{name}"] = np.array(replicates)
    write_arrays(per_image_path(path), arrays)
    return path


def notes(paths):
    return " ".join(metric_table("faithfulness", read_groups(paths), JOB).notes)


@pytest.mark.parametrize(
    ("who", "ids", "replicates", "reason"),
    [
        (identity("cam", "gradient", seed=1), "ab", [0.1, 0.2], "the seeds differ"),
        (GRADIENT, "ac", [0.1, 0.2], "not measured on the same images"),
        (GRADIENT, "ab", None, "no bootstrap replicates are kept"),
    ],
)
def test_a_missing_difference_is_explained(tmp_path, who, ids, replicates, reason):
    reference = measured(tmp_path / "cam.json", CAM, 0.4, [0.4, 0.5])
    method = measured(tmp_path / "method.json", who, 0.5, replicates, tuple(ids))
    found = notes([reference, method])
    assert "No Δ CAM is given" in found
    assert reason in found
    assert "birds net cam gradient" in found


def test_missing_differences_of_every_compared_metric_are_explained(tmp_path):
    tasks = {"insertion_deletion": "insertion", "pointing_game": "hit_rate"}
    ids = {"insertion_deletion": "ab", "pointing_game": "ac"}
    paths = [
        measured(tmp_path / f"{who['method']}.{task}.json", who, 0.5, [0.4, 0.5],
                 ids[task] if who is GRADIENT else "ab", task, name)
        for who in (CAM, GRADIENT)
        for task, name in tasks.items()
    ]  # fmt: skip
    assert (
        "Pointing: No Δ CAM is given, because they were not measured on the same images: "
        "birds net cam gradient."
    ) in notes(paths)
    # one footnote, without their names, where it is the same for all of them
    found = notes([path for path in paths if "cam" not in path.stem])
    assert found.count("No Δ CAM is given, because there is no map of CAM: birds net.") == 1
    assert ": No Δ CAM" not in found


def test_scores_of_other_options_are_not_compared_for_their_resamples_may_differ(tmp_path):
    reference = measured(tmp_path / "cam.json", CAM, 0.4, [0.4, 0.5])
    method = measured(tmp_path / "method.json", GRADIENT, 0.5, [0.5, 0.6])
    assert "No difference" not in notes([reference, method])
    content = read_json(method)
    content["provenance"]["section"] = "07e5"
    write_json(method, content)
    assert "measured with different options" in notes([reference, method])


def test_a_study_without_cam_says_that_there_is_none_to_compare_with(tmp_path):
    path = measured(tmp_path / "a.json", identity("calm_em", "joint"), 0.4, [0.4, 0.5])
    assert "No Δ CAM is given, because there is no map of CAM: birds net." in notes([path])


def test_models_are_compared_with_the_model_of_cam(tmp_path):
    paths = [
        measured(tmp_path / f"{v}.json", identity(v), value, drawn, "ab", "classification", "top1")
        for v, value, drawn in (("cam", 0.7, [0.6, 0.8]), ("calm_em", 0.65, [0.58, 0.70]))
    ]
    table = accuracy_table(read_groups(paths), JOB)
    cam, calm = table.blocks[0].rows
    assert "delta" not in cam.cells
    cell = calm.cells["delta"]  # of the replicates -2 and -10; 2.5 % from each end
    assert (cell.value, cell.low, cell.high) == pytest.approx((-5, -9.8, -2.2))


def test_a_difference_over_seeds_knows_how_far_training_moves_it(tmp_path):
    """No resample moves the difference here; its three seeds do."""
    drawn = np.linspace(-0.05, 0.05, 50)
    differences = [0.02, 0.05, 0.11]
    paths = []
    for seed, difference in enumerate(differences):
        for variant, value in (("cam", 0.6), ("calm_em", 0.6 + difference)):
            paths.append(
                measured(tmp_path / f"{variant}{seed}.json", identity(variant, seed=seed), value,
                         value + drawn, "ab", "classification", "top1")
            )  # fmt: skip
    _, calm = accuracy_table(read_groups(paths), JOB).blocks[0].rows
    cell = calm.cells["delta"]
    percent = 100 * np.array(differences)
    assert cell.value == pytest.approx(6)
    assert cell.sd == pytest.approx(np.std(percent, ddof=1))
    expected = stats.t.interval(0.95, 2, loc=6, scale=stats.sem(percent))
    assert (cell.low, cell.high) == pytest.approx(expected)


def test_resamples_without_a_cue_pixel_leave_the_other_resamples_their_interval(tmp_path):
    name = "replicates.mpxap_weighted_raw"
    paths = []
    for method, base in ((CAM, 0.3), (identity("calm_em", "joint"), 0.4)):
        path = cue_score(tmp_path / f"{base}.json", method, base, true=False)
        drawn = base + np.array([0.01, np.nan, 0.03])
        write_arrays(per_image_path(path), {"image_id": np.array(["a"]), name: drawn})
        paths.append(path)
    _, calm = cue_table(read_groups(paths), {}, JOB).blocks[0].rows
    cell = calm.cells["delta"]
    assert (cell.value, cell.low, cell.high) == pytest.approx((10, 10, 10))


def test_replicates_of_seeds_are_not_joined_over_different_images(tmp_path):
    """Grids are of the images that a model is sure about: they differ between seeds."""
    paths = [
        measured(tmp_path / f"{seed}.json", identity("cam", "cam", seed=seed), 0.4 + seed / 10,
                 np.full(9, 0.9), ids)
        for seed, ids in ((0, "ab"), (1, "bc"))
    ]  # fmt: skip
    (group,) = read_groups(paths)
    assert seed_replicates(group.scores, "insertion") is None
    cell = pooled(group.scores, "insertion")  # ends of 0.4 and 0.5, -0.02 and +0.03 each
    half = stats.t.ppf(0.975, 1) * stats.sem([40, 50])
    assert (cell.low, cell.high) == pytest.approx((45 - np.hypot(2, half), 45 + np.hypot(3, half)))


def test_broken_results_per_image_are_named(tmp_path):
    path = measured(tmp_path / "a.json", CAM, 0.4, np.linspace(0, 1, 999))
    other = measured(tmp_path / "b.json", GRADIENT, 0.4, np.linspace(0, 1, 999))
    whole = per_image_path(other).read_bytes()
    per_image_path(other).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"b\.npz is damaged.*moved aside"):
        notes([path, other])
    # the tables never go on without them
    with pytest.raises(UserError, match=r"b\.npz is missing. Run again"):
        notes([path, other])
