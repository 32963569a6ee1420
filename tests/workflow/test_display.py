"""What a person sees of a run: in a pipe, on a terminal, after Ctrl-C and of a failure."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from fault_study import making, start
from rerun_cases import JOBS
from workflow_run import edit_config, snakemake

CAM = "birds/small_pretrained/cam/seed0"
WEIGHTS = f"results/models/{CAM}/weights.safetensors"


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


def _on_a_terminal(folder, *arguments):
    """All that Snakemake writes to a terminal of 24 by 80, and its exit status."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", "tiny.yaml"]
    environment = {**os.environ, "PYTHONPATH": "", "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=follower, stderr=follower, stdin=follower
    ) as process:
        os.close(follower)
        written = b""
        while True:
            try:
                read = os.read(leader, 65536)
            except OSError:  # Linux says so when the last process has closed it
                break
            if not read:
                break
            written += read
    os.close(leader)
    return process.returncode, written.decode()


def test_a_terminal_shows_the_jobs_and_their_epochs(study):
    (study / WEIGHTS).unlink()
    edit_config(study, training__epochs=12)
    target = f"results/models/{CAM}/history.csv"
    status, text = _on_a_terminal(study, "--cores", "1", target)
    assert status == 0, text
    moving = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert "planning the study" in moving
    assert re.search(r"train +birds/small_p.* epoch \d+/12 +[\d.]+/s +\d:\d\d:\d\d left", moving)
    assert re.search(r"\d of \d+ jobs", moving)
    assert re.search(r"jobs? done in ", moving)
    assert text.count("\x1b[?25h") >= 1  # the cursor is back
    assert "rule train" not in text


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
