"""What a person sees of a run: in a pipe, on a terminal, after Ctrl-C and of a failure."""

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
from fault_study import making, start
from rerun_cases import JOBS
from terminal import CTRL_C, Terminal
from workflow_run import edit_config, snakemake

CAM = "birds/small_pretrained/cam/seed0"
WEIGHTS = f"results/models/{CAM}/weights.safetensors"
COMMANDS = {
    "snakemake": [sys.executable, "-m", "snakemake"],
    "calm run": [sys.executable, "-m", "pipeline.command", "run"],
}
ONE_CORE = ["--cores", "1", "--configfile", "tiny.yaml"]
CURSOR = re.compile(r"\x1b\[\?25([hl])")  # shown or hidden


def test_a_pipe_gets_a_line_for_each_job_and_the_end_in_words(finished):
    lines = (finished / "printed.txt").read_text().splitlines()
    jobs = [line for line in lines if re.match(r"\[\d+/\d+\] ", line)]
    assert len(jobs) == len(JOBS)
    assert any(re.fullmatch(rf"\[\d+/{len(JOBS)}\] train {CAM}, .* s", job) for job in jobs)
    others = [line for line in lines if line not in jobs]
    profile, plan, done, report, finding = others[:1] + others[-4:]
    assert "profiles/default" in profile
    assert plan.startswith(f"{len(JOBS)} jobs to do: datasets 4")
    assert re.fullmatch(rf"{len(JOBS)} jobs done in .+\.", done)
    assert report == "Report: results/report.html"
    assert finding.startswith("Finding: ")
    assert len(others) <= 6, others
    assert not (finished / ".snakemake" / "calm_progress").exists()


def test_a_terminal_shows_the_jobs_and_their_epochs(study):
    (study / WEIGHTS).unlink()
    edit_config(study, training__epochs=12)
    target = f"results/models/{CAM}/history.csv"
    terminal = Terminal(study, [*COMMANDS["snakemake"], target, *ONE_CORE])
    status, moving = terminal.end(), terminal.text
    assert status == 0, moving
    assert "planning the study" in moving
    assert re.search(r"train +birds/small_p.* epoch \d+/12 +[\d.]+/s +\d:\d\d:\d\d left", moving)
    assert re.search(r"\d of \d+ jobs", moving)
    assert re.search(r"jobs? done in ", moving)
    assert CURSOR.findall(terminal.written)[-1] == "h"
    assert "rule train" not in moving


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_on_a_terminal_leaves_nothing_behind_and_the_next_run_goes_on(checkout, command):
    arguments = [WEIGHTS, *ONE_CORE]
    terminal = Terminal(checkout, [*COMMANDS[command], *arguments])
    terminal.until(r"[1-9]\d* of \d+ jobs")
    while not any("-m pipeline." in each for each in terminal.processes()):  # until a job runs
        assert terminal.read(), terminal.text
    terminal.press(CTRL_C)
    status, text = terminal.end(), terminal.text
    assert status != 0
    last = text.splitlines()[-1]
    stopped = re.search(r"Stopped, \d+ of \d+ jobs (is|are) done\. To go on: snakemake (.*)", last)
    assert stopped, text
    assert stopped[2].split() == arguments
    for unwanted in ("Traceback", "KeyboardInterrupt", "Failed: ", "error: "):
        assert unwanted not in text
    assert CURSOR.findall(terminal.written)[-1] == "h"
    assert terminal.processes() == []
    again = Terminal(checkout, [*COMMANDS[command], *arguments])
    assert again.end() == 0, again.text
    assert (checkout / WEIGHTS).is_file()


def test_ctrl_c_ends_in_one_line_that_says_how_to_go_on(checkout):
    command = making(WEIGHTS)
    process = start(checkout, command)
    printed = checkout / "printed.txt"
    while "[1/" not in printed.read_text():
        assert process.poll() is None, printed.read_text()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(60)
    after = printed.read_text().splitlines()
    last = [line for line in after if not line.startswith("[")][2:]  # behind profile and plan
    assert len(last) == 1, after
    assert re.fullmatch(
        r"Stopped, \d+ of \d+ jobs (is|are) done\. To go on: (snakemake .*)", last[0]
    )
    assert last[0].endswith(command)
    status, output = snakemake(checkout, "--dry-run", WEIGHTS)  # nothing is locked
    assert status == 0, output


def test_a_closed_terminal_leaves_no_process_and_no_lock(checkout):
    terminal = Terminal(checkout, [*COMMANDS["snakemake"], WEIGHTS, *ONE_CORE])
    terminal.until(r"[1-9]\d* of \d+ jobs")
    while not any("-m pipeline." in each for each in terminal.processes()):
        assert terminal.read(), terminal.text
    locks = checkout / ".snakemake" / "locks"
    assert list(locks.iterdir())
    terminal.close()
    assert terminal.processes() == []
    assert list(locks.glob("*")) == []


def test_a_locked_folder_is_said_with_the_command_that_goes_on(checkout):
    target = "results/datasets/birds/check.json"
    locks = checkout / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text(f"{target}\n")
    status, output = snakemake(checkout, target, "--cores", "1")
    assert status != 0
    assert "Traceback" not in output
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    unlock, again = line.partition("If none runs any more: ")[2].split(" && ")
    for command in (unlock, again):
        words = command.split()
        assert words[0] == "snakemake"
        status, output = snakemake(checkout, *words[1:], config="")
        assert status == 0, output
    assert (checkout / target).is_file()


def test_a_failure_is_the_jobs_message_and_its_log(study):
    (study / WEIGHTS).unlink()
    edit_config(study, training__lr=1e30)
    status, output = snakemake(study, "--cores", "1", WEIGHTS)
    assert status != 0
    lines = output.splitlines()
    (failed,) = [number for number, line in enumerate(lines) if line.startswith("Failed: ")]
    assert lines[failed].startswith("Failed: train ")
    assert lines[failed + 1].startswith("error: ")
    log = next(line for line in lines[failed:] if line.startswith("Log: "))
    assert Path(study, log.removeprefix("Log: ")).is_file()
    assert re.match(r"1 job failed, \d+ of \d+ jobs are done\. Once it is mended: ", lines[-1])
    assert len(lines) - failed < 10, output
    assert "Traceback" not in output


def test_the_command_line_sets_keys_of_the_config(study):
    plan = ("--dry-run", "--printshellcmds", "--cores", "1", WEIGHTS)
    status, output = snakemake(study, *plan, "--config", "training__lr=0.03")
    assert status == 0, output
    assert '"lr":0.03' in output
    status, output = snakemake(study, *plan, "--config", "training__learning_rate=0.03")
    assert status != 0
    assert "learning_rate: unknown key; did you mean 'lr'?" in output
