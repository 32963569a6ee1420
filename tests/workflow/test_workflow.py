import h5py
import pandas as pd
import pytest
from rerun_cases import JOBS
from workflow_run import edit_config, plan, snakemake

from pipeline.artefacts.scores import read_score

CALM = "birds/small_pretrained/calm_em/seed0"


def files(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_finished_study_has_its_report_tables_scores_and_no_leftovers(finished):
    results = finished / "results"
    for table in ("cue_localization", "accuracy", "calibration", "wsol"):
        for suffix in ("csv", "md", "tex"):
            assert (results / "tables" / f"{table}.{suffix}").stat().st_size > 100
    page = (results / "report.html").read_text()
    assert "A tiny study" in page
    assert page.count('src="data:image/') == 8  # the figures are inside
    tasks = {
        "classification": "classification",
        "calibration": "calibration",
        "cue_localization": "cue_localization",
        "cue_baseline": "cue_localization",
        "wsol": "wsol",
        "wsol_baseline": "wsol",
    }
    scores = [job.split() for job in JOBS if job.split()[0] in tasks]
    assert len(scores) == len(list((results / "scores").rglob("*.json"))) == 11
    assert {read_score(path)["task"] for path in (results / "scores").rglob("*.json")} == {
        tasks[rule] for rule, _ in scores
    }
    assert not [name for name in files(results) if "partial" in name]
    assert not files(results / "checkpoints")


def test_a_second_run_elsewhere_gives_the_same_bytes(finished, checkout):
    score = f"results/scores/cue_localization/{CALM}/joint.json"
    status, output = snakemake(checkout, "--cores", "2", score)
    assert status == 0, output
    again, first = checkout / "results", finished / "results"
    clocks = {"history.csv", "metrics.json"}  # they say how long training took
    made = {
        name
        for name in files(again)
        if not name.startswith(("logs/", "benchmarks/")) and name.split("/")[-1] not in clocks
    }
    suffixes = {name.rsplit(".", 1)[-1] for name in made}
    assert suffixes >= {"jpg", "parquet", "tar", "safetensors", "h5", "json", "npz"}
    different = [n for n in sorted(made) if (again / n).read_bytes() != (first / n).read_bytes()]
    assert different == []
    history = f"models/{CALM}/history.csv"
    one, other = (
        pd.read_csv(results / history).drop(columns=["seconds", "images_per_second"])
        for results in (first, again)
    )
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_every_target_has_its_map(finished):
    with h5py.File(finished / "results" / "maps" / CALM / "test" / "joint.h5") as store:
        assert store["maps"].shape[0] == len(store["target"]) > 24  # several of each test image


def test_all_problems_of_a_config_are_shown_before_any_job(checkout):
    edit_config(checkout, seed=[0], report__dpi=0, datasets__birds__supersets__kind="al")
    status, output = snakemake(checkout, "--cores", "1")
    assert status != 0
    assert "3 problem(s) in the config" in output
    for problem in ("seed: unknown key; did you mean 'seeds'?", "report.dpi", "supersets.kind"):
        assert problem in output
    assert "Traceback" not in output
    assert not (checkout / "results").exists()


def test_without_a_config_the_default_study_is_planned(checkout):
    jobs = plan(checkout, config="")
    assert len(jobs) > 50
    assert "train synthbirds/small_pretrained/calm_ml/seed0" in jobs


def test_a_config_on_the_command_line_is_the_whole_study(checkout):
    # its data sets alone are test_reruns' business; here no training key of the default leaks in
    _, output = snakemake(checkout, "--dry-run", "--printshellcmds")
    assert '"head_lr_ratio":10.0' in output
    assert '"head_lr_ratio":1.0' not in output
    assert "head_lr_ratio: 1.0" in (checkout / "config" / "config.yaml").read_text()


def test_lint_finds_nothing(checkout):
    status, output = snakemake(checkout, "--lint")
    assert status == 0, output


@pytest.mark.parametrize("name", ["slurm", "slurm_gres"])
def test_the_slurm_profiles_plan_the_same_jobs(checkout, name):
    # --executor local: the plugin for Slurm is not among the requirements
    profile = ("--workflow-profile", f"profiles/{name}", "--executor", "local")
    assert plan(checkout, *profile) == set(JOBS)
