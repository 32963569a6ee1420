import pytest

from pipeline.display import failure


def test_the_one_message_of_a_log_is_shown_whole(tmp_path):
    log = tmp_path / "job.log"
    log.write_text("10:00:00 reading\nerror: 2 problems:\n  first\n  second\n\n")
    assert failure.reason([str(log)]) == "error: 2 problems:\n  first\n  second"


def test_of_a_traceback_the_end_is_shown(tmp_path):
    log = tmp_path / "job.log"
    log.write_text("\n".join([f"line {k}" for k in range(40)] + ["ValueError: no"]))
    lines = failure.reason([str(log)], "Command 'x' returned non-zero exit status 1.").splitlines()
    assert lines[0] == "Its process ended with exit status 1. The end of its log:"
    assert lines[-1] == "  ValueError: no"
    assert len(lines) == 13


@pytest.mark.parametrize(
    ("exception", "said"),
    [
        ("Command 'x' returned non-zero exit status 137.", "exit status 137, killed, often for"),
        ("Command 'x' died with <Signals.SIGKILL: 9>.", "ended with SIGKILL, killed, often for"),
        ("", "It ended without a message."),
    ],
)
def test_a_job_that_wrote_nothing_says_how_it_ended(tmp_path, exception, said):
    (tmp_path / "job.log").touch()
    for logs in ([str(tmp_path / "job.log")], [str(tmp_path / "none.log")], []):
        text = failure.reason(logs, exception)
        assert said in text
        assert text.endswith("It wrote nothing.")


def test_a_message_of_the_workflow_loses_the_places_in_its_code():
    text = (
        'WorkflowError in file "/a/workflow/rules/common.smk", line 46:\n'
        "2 problem(s) in the config:\n  seed: unknown key\n  File of yours: missing\n"
        '  File "/a/Snakefile", line 18, in <module>\n'
        '  File "/a/workflow/rules/common.smk", line 46, in checked\n'
    )
    assert failure.of_the_workflow(text) == (
        "2 problem(s) in the config:\n  seed: unknown key\n  File of yours: missing"
    )
