"""A study of maps alone: nothing is trained, and nothing asks for a model."""

import yaml
from rerun_cases import CALM, CAM
from workflow_run import plan

STUDY = {
    "datasets": {"birds": {"draw": {"classes": 4}}},
    "own_maps": {"mine": {"path": "mine.h5", "dataset": "birds"}},
    "evaluation": {"pointing_game": {}, "sanity": {}},
}
MAPS = "birds/without_model/own_maps/seed0"


def test_a_study_of_maps_alone_trains_nothing(checkout):
    (checkout / "alone.yaml").write_text(yaml.safe_dump(STUDY))
    jobs = plan(checkout, config="alone.yaml")
    assert {
        f"own_maps {MAPS}/test/mine",
        f"wsol {MAPS}/mine",
        f"cue_localization {MAPS}/mine",
        f"measure_maps pointing_game/{MAPS}/mine",
        "tables",
        "report",
    } <= jobs
    rules = {job.split()[0] for job in jobs}
    assert not rules & {"train", "keep_given", "classification", "attribute", "erase_random"}


def test_a_users_function_has_jobs_for_every_model(checkout):
    (checkout / "lab.py").write_text("def maps(query):\n    return query.output\n")
    study = yaml.safe_load((checkout / "tiny.yaml").read_text())
    study["methods"]["mine"] = "lab:maps"
    (checkout / "own.yaml").write_text(yaml.safe_dump(study))
    jobs = plan(checkout, config="own.yaml")
    assert {f"attribute {CAM}/test/mine", f"attribute {CALM}/test/mine"} <= jobs
    assert {f"wsol {CAM}/mine", f"cue_localization {CALM}/mine"} <= jobs
