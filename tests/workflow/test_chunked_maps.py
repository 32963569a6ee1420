"""Maps of a data set in chunks: which jobs there are."""

from rerun_cases import CALM, CAM, JOBS
from workflow_run import edit_config, plan


def test_chunks_take_the_place_of_the_jobs_of_maps_and_of_nothing_else(checkout):
    edit_config(checkout, datasets__birds__map_chunks=2, methods__cam=["cam", "vargrad"])
    jobs = {job for job in plan(checkout) if job.split()[0] not in ("explorer",)}
    expected = {job for job in JOBS if not job.startswith(("attribute", "explorer"))}
    expected |= {f"cue_localization {CAM}/vargrad", f"wsol {CAM}/vargrad"}
    maps = (f"{CAM}/test/cam", f"{CALM}/test/joint", f"{CALM}/test/counterfactual")
    jobs_of = {
        "attribute_cam_chunk": CAM,
        "attribute_calm_chunk": CALM,
        "attribute_noise_chunk": CAM,
    }
    expected |= {f"{job} {of}/test/{chunk}" for job, of in jobs_of.items() for chunk in (0, 1)}
    expected |= {f"join_maps {name}" for name in (*maps, f"{CAM}/test/vargrad")}
    assert jobs == expected


def test_val_maps_are_in_chunks_too(checkout):
    edit_config(checkout, datasets__birds__map_chunks=2, evaluation__wsol__val_threshold=True)
    jobs = plan(checkout)
    assert f"join_maps {CAM}/val/cam" in jobs
    assert {f"attribute_cam_chunk {CAM}/val/{chunk}" for chunk in (0, 1)} <= jobs
