import pytest
from rerun_cases import CASES, JOBS, matching, page
from workflow_run import CHECKOUT, plan


def test_a_checkout_plans_every_job_and_a_finished_study_none(checkout, study):
    assert plan(checkout) == set(JOBS)
    assert plan(study) == set()  # although it was moved


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_change_reruns_what_it_touches_and_nothing_else(case, study):
    case.change(study)
    assert plan(study) == matching(case.reruns, {*JOBS, *case.new})


def test_the_page_shows_these_cases():
    assert (CHECKOUT / "docs" / "reruns.md").read_text() == page()
