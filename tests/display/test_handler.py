"""Snakemake's own messages, as its version 9.27 sends them, to the display."""

import io
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from pipeline.display import handler as display
from pipeline.display.handler import DisplayHandler, attach
from pipeline.display.screen import Lines
from pipeline.display.study_run import StudyRun
from pipeline.runtime import progress_files


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """Sends messages to a handler; ``.text()`` is what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(display.sys, "argv", ["snakemake", "--cores", "all"])
    run, stream = StudyRun(), io.StringIO()
    stages = {"records": "datasets", "train": "train"}
    handler = DisplayHandler(lambda: stages, Lines(run, stream), run)

    def send(message="", event=None, level=logging.INFO, **keys):
        record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
        record.__dict__.update(keys, **({"event": event} if event else {}))
        handler.emit(record)

    return SimpleNamespace(send=send, handler=handler, text=stream.getvalue)


def plan(shown):
    stats = {"records": 1, "train": 2, "all": 1, "total": 4}  # all makes no file
    shown.send("Job stats:\n...", LogEvent.RUN_INFO, stats=stats)


def start(shown, number, rule="train", log="train.log"):
    shown.send(
        event=LogEvent.JOB_INFO,
        jobid=number,
        rule_name=rule,
        wildcards={"dataset": "birds", "variant": "cam", "seed": "0"},
        log=[log],
    )


def finish(shown, number):
    shown.send("Finished jobid", LogEvent.JOB_FINISHED, job_id=number)


def fail(shown, number, rule="train", log="train.log"):
    shown.send(
        f"RuleException in rule {rule}:\nCalledProcessError in file ...: Command 'x' returned "
        "non-zero exit status 2.",
        LogEvent.ERROR,
        logging.ERROR,
        exception="RuleException",
    )
    shown.send(
        event=LogEvent.JOB_ERROR, level=logging.ERROR, jobid=number, rule_name=rule, log=[log]
    )


def end_failed(shown):
    shown.send(
        "WorkflowError:\nAt least one job did not complete successfully.",
        LogEvent.ERROR,
        logging.ERROR,
        exception="WorkflowError",
    )
    shown.handler.close()


def test_a_run_is_its_plan_a_line_per_job_and_its_time(shown):
    for chatter in ("Building DAG of jobs...", "Using shell: /bin/bash", "Select jobs to execute"):
        shown.send(chatter)
    plan(shown)
    shown.send("Provided cores: 2", LogEvent.RESOURCES_INFO, cores=2)
    assert Path(progress_files.FOLDER).is_dir()
    for number in (1, 2, 3):
        start(shown, number)
        shown.send("cmd", LogEvent.SHELLCMD, shellcmd="cmd")
        finish(shown, number)
    start(shown, 0, rule="all")
    finish(shown, 0)
    shown.send("Report: results/report.html\nFinding: so")
    shown.send("Complete log(s): /x")
    shown.handler.close()
    shown.handler.close()
    assert shown.text().splitlines() == [
        "3 jobs to do: datasets 1, train 2",
        *(f"[{k}/3] train birds/cam/seed0, 0 s" for k in (1, 2, 3)),
        "3 jobs done in 0 s.",
        "Report: results/report.html",
        "Finding: so",
    ]
    assert not Path(progress_files.FOLDER).exists()


def test_a_failure_is_its_one_message_and_its_log(shown):
    plan(shown)
    Path("train.log").write_text("10:00:00 reading\nerror: images are missing.\n  Fetch them.\n")
    start(shown, 1)
    fail(shown, 1)
    shown.send("Exiting because a job execution failed. Look above", level=logging.ERROR)
    end_failed(shown)
    assert shown.text().splitlines()[1:] == [
        "",
        "Failed: train birds/cam/seed0",
        "error: images are missing.",
        "  Fetch them.",
        "Log: train.log",
        "",
        "1 job failed, 0 of 3 jobs are done. Once it is mended: snakemake --cores all",
    ]


def test_a_job_killed_without_a_word_says_so(shown):
    plan(shown)
    start(shown, 1)
    fail(shown, 1)
    assert "exit status 2. It wrote nothing." in shown.text()


def test_ctrl_c_ends_in_one_line(shown):
    plan(shown)
    start(shown, 1)
    finish(shown, 1)
    start(shown, 2)
    before = shown.text()
    shown.send("Terminating processes on user request, this might take some time.")
    fail(shown, 2)
    shown.send("Removing output files of failed job train since they might be corrupted:\nx")
    end_failed(shown)
    said = shown.text().removeprefix(before)
    assert said == "Stopped, 1 of 3 jobs is done. To go on: snakemake --cores all\n"


def test_a_config_that_is_wrong_is_told_without_places_in_the_code(shown):
    shown.send(
        'WorkflowError in file "/a/workflow/rules/common.smk", line 46:\n'
        "1 problem(s) in the config:\n  seed: unknown key\n"
        '  File "/a/Snakefile", line 18, in <module>\n',
        LogEvent.ERROR,
        logging.ERROR,
        exception="WorkflowError",
    )
    shown.handler.close()
    assert shown.text() == "error: 1 problem(s) in the config:\n  seed: unknown key\n"


def test_other_messages_and_warnings_pass(shown):
    shown.send("Nothing to be done (all requested files are present and up to date).")
    shown.send("careful", level=logging.WARNING)
    shown.send("detail", level=logging.DEBUG)
    shown.send("MissingRuleException:\nno rule", LogEvent.ERROR, logging.ERROR)
    shown.handler.close()
    assert shown.text().splitlines() == [
        "Nothing to be done (all requested files are present and up to date).",
        "warning: careful",
        "MissingRuleException:",
        "no rule",
    ]


def test_a_locked_folder_is_said_with_the_way_out(shown):
    shown.send("LockException:\nError: Directory cannot be locked.", LogEvent.ERROR, logging.ERROR)
    shown.handler.close()
    (line,) = shown.text().splitlines()
    assert line.startswith("error: this folder is locked")
    assert "If none runs any more: snakemake --unlock" in line


def test_a_message_that_it_does_not_understand_ends_nothing(shown, capsys, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    shown.send("Job stats", LogEvent.RUN_INFO)  # without stats
    shown.send("words")
    assert shown.text() == "words\n"


def _workflow(**said):
    settings = {
        key: said.get(key, False)
        for key in ("dryrun", "verbose", "printshellcmds", "debug_dag", "quiet", "nocolor")
    }
    return SimpleNamespace(
        output_settings=SimpleNamespace(**settings),
        is_main_process=said.get("main", True),
        modifier=SimpleNamespace(is_main_snakefile=lambda: said.get("own", True)),
        rules=[],
    )


@pytest.fixture
def handlers(monkeypatch):
    default = logging.NullHandler()
    default.name = "DefaultStreamHandler"
    file = logging.NullHandler()
    monkeypatch.setattr(logger, "handlers", [default, file])
    return default, file


def test_it_takes_the_place_of_snakemakes_handler_alone(handlers):
    default, file = handlers
    attach(_workflow())
    assert file in logger.handlers
    assert default not in logger.handlers
    assert [type(each) for each in logger.handlers[1:]] == [DisplayHandler]


@pytest.mark.parametrize(
    "said",
    [
        {"dryrun": True},
        {"verbose": True},
        {"printshellcmds": True},
        {"quiet": {"all"}},
        {"main": False},
        {"own": False},
    ],
)
def test_what_the_user_asks_for_and_other_workflows_stay_as_they_are(handlers, said):
    attach(_workflow(**said))
    assert logger.handlers == list(handlers)


def test_another_logger_of_the_user_stays(handlers, monkeypatch):
    monkeypatch.setattr(logger, "handlers", [handlers[1]])  # it writes to the stream by itself
    attach(_workflow())
    assert logger.handlers == [handlers[1]]
