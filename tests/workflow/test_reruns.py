import pytest
from rerun_cases import CASES, JOBS, matching, page
from workflow_run import CHECKOUT, edit_config, plan, snakemake


def test_a_checkout_plans_every_job_and_a_finished_study_none(checkout, study):
    assert plan(checkout) == set(JOBS)
    assert plan(study) == set()  # although it was moved


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_change_reruns_what_it_touches_and_nothing_else(case, study):
    case.change(study)
    assert plan(study) == matching(case.reruns, {*JOBS, *case.new})


def test_data_that_are_unpacked_again_rerun_nothing(study):
    """Lists of a full data set are larger than the 1 MB that Snakemake compares by default."""
    raw = (study / "results/raw/birds").rename(study / "birds")
    edit_config(study, datasets__birds__draw=None, datasets__birds__root="birds")
    keypoints = raw / "parts/part_locs.txt"
    keypoints.write_text(keypoints.read_text() + "\n" * 2_000_000)  # empty lines are skipped
    records = "results/datasets/birds/test.parquet"
    status, output = snakemake(study, "--cores", "2", records)
    assert status == 0, output
    for path in raw.rglob("*"):
        path.touch()
    assert plan(study, records) == set()
    keypoints.write_text(keypoints.read_text() + "\n")
    assert plan(study, records) == {"records birds"}


def test_the_page_shows_these_cases():
    assert (CHECKOUT / "docs" / "reruns.md").read_text() == page()
