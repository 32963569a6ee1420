"""A search in a finished study: what it adds, and what more draws or another range rerun."""

import json

from rerun_cases import CALM, CAM, JOBS
from workflow_run import edit_config, plan, snakemake

MODEL = CAM.removesuffix("/seed0")
SEARCH = {"draws": 2, "variants": ["cam"], "score": "accuracy", "epochs": 1}


def draws(*numbers):
    return {f"search_draw {MODEL}/{number}" for number in numbers}


def searched(jobs):
    """The jobs of the search itself."""
    return {job for job in jobs if job.startswith("search_")}


def test_a_search_adds_its_draws_and_more_draws_repeat_none(study):
    edit_config(study, search=SEARCH)
    jobs = plan(study)
    assert searched(jobs) == draws(0, 1) | {f"search_ledger {MODEL}"}
    assert "figure birds/small_pretrained/search" in jobs
    rerun = jobs & set(JOBS)
    assert {f"train {CAM}", f"attribute_cam {CAM}/test", "tables", "report"} <= rerun
    assert not {job for job in rerun if CALM in job}  # a variant without search stays as it is

    status, output = snakemake(study, "--cores", "2", "search")
    assert status == 0, output
    assert plan(study, "search") == set()
    folder = study / "results" / "search" / MODEL
    kept = {path.name for path in folder.iterdir()}
    assert kept == {"draw0.json", "draw1.json", "ledger.csv", "best.json", "expected_best.csv"}
    first = json.loads((folder / "draw0.json").read_text())
    assert first["status"] in ("ok", "failed")
    assert searched(plan(study)) == set()

    section = f"results/models/{CAM}/section.json"
    status, output = snakemake(study, "--cores", "1", section)
    assert status == 0, output
    found = json.loads((folder / "best.json").read_text())["keys"]["training"]
    assert json.loads((study / section).read_text())["training"]["lr"] == found["lr"] != 0.01

    ledger = {f"search_ledger {MODEL}"}
    edit_config(study, search={**SEARCH, "draws": 4})
    assert searched(plan(study)) == draws(2, 3) | ledger
    edit_config(study, search={**SEARCH, "ranges": {"momentum": {"low": 0.5, "high": 0.9}}})
    assert searched(plan(study)) == draws(0, 1) | ledger
    edit_config(study, search=SEARCH, report__dpi=77)
    assert searched(plan(study)) == set()
