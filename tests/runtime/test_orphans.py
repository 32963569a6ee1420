import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.runtime import orphans

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux only")

# As in the workflow: Snakemake (here a Python) starts bash, and bash the job.
JOB = """
import pathlib, sys, time
from pipeline.runtime import cli
from pipeline.artefacts import files

def run(argv):
    pathlib.Path("started").touch()
    time.sleep(float(argv[0]))
    files.write_json("result.json", {"written": True})

cli.main(run)
"""
STARTER = """
import subprocess, sys
command = f"export {sys.argv[1]}=$PPID; {sys.executable} job.py {sys.argv[2]}; echo after > after"
sys.exit(subprocess.run(["bash", "-c", command]).returncode)
"""


# A job spends its first seconds with imports.
IMPORTING = """
import pathlib, time
import pipeline

pathlib.Path("started").touch()
time.sleep(60)
"""


@pytest.fixture
def interruptible():
    """What a script starts in its background ignores SIGINT, and so would its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start(folder, seconds, job=JOB, **options):
    (folder / "job.py").write_text(job)
    command = [sys.executable, "-c", STARTER, orphans.VARIABLE, str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(command, cwd=folder, env=environment, **options)


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear")


def test_a_job_ends_with_the_snakemake_that_started_it(tmp_path):
    starter = start(tmp_path, 60)
    wait_for(tmp_path / "started")
    os.kill(starter.pid, signal.SIGKILL)  # and not yet waited for: a zombie is dead, too
    wait_for(tmp_path / "after")  # bash lives on, and its command has ended
    starter.wait()
    assert not (tmp_path / "result.json").exists()


def test_a_job_whose_snakemake_lives_runs_to_its_end(tmp_path):
    starter = start(tmp_path, 0.1)
    assert starter.wait() == 0
    assert (tmp_path / "result.json").exists()


@pytest.mark.parametrize("job", [IMPORTING, JOB], ids=["importing", "running"])
def test_a_job_ends_at_ctrl_c_without_a_traceback(tmp_path, interruptible, job):
    starter = start(tmp_path, 60, job, start_new_session=True, stderr=subprocess.PIPE)
    wait_for(tmp_path / "started")
    os.killpg(starter.pid, signal.SIGINT)
    _, said = starter.communicate()
    assert b"job.py" not in said  # the starter's own traceback is of its command line
    assert not (tmp_path / "result.json").exists()


def test_a_stage_by_hand_ends_at_ctrl_c_without_a_traceback(tmp_path, interruptible):
    (tmp_path / "job.py").write_text(JOB)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "job.py", "60"]
    job = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
    wait_for(tmp_path / "started")
    job.send_signal(signal.SIGINT)
    _, said = job.communicate()
    assert (job.returncode, said) == (130, b"")


def test_the_helpers_of_a_job_end_with_it(tmp_path):
    program = (
        "import pathlib, time; from pipeline import orphans; orphans.end_with_parent();"
        "pathlib.Path('started').touch(); time.sleep(60)"
    )
    helper = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    read, write = os.pipe()  # closed when all that hold its end have ended
    job = subprocess.Popen(
        [sys.executable, "-c", helper.replace("run(", "run(close_fds=False, args=")],
        cwd=tmp_path, env=environment, pass_fds=[write],
    )  # fmt: skip
    os.close(write)
    wait_for(tmp_path / "started")
    job.kill()
    job.wait()
    with open(read) as stream:
        assert stream.read() == ""


def test_a_job_that_comes_too_late_does_nothing(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "job.py").write_text(JOB)
    environment = {
        **os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), orphans.VARIABLE: str(ended.pid)
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "job.py", "0"], cwd=tmp_path, env=environment, capture_output=True
    )
    assert done.returncode == 2
    assert b"Snakemake, which started this job, has ended" in done.stderr
    assert not (tmp_path / "started").exists()


# Snakemake finishes a job in a coroutine; asyncio's own Ctrl-C would cancel what it awaits there.
FINISHING = """
import asyncio, os, signal, sys
from pipeline.runtime.orphans import stop_when_asked

async def finish():
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        print("cancelled")

stop_when_asked()
try:
    with asyncio.Runner() as runner:
        runner.run(finish())
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_snakemake_stops_while_it_finishes_a_job(number):
    command = [sys.executable, "-c", FINISHING, str(int(number))]
    # the tests themselves may run where it is ignored, under nohup
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr


def test_what_is_ignored_stays_ignored():
    ignored = {number: signal.SIG_IGN for number in (signal.SIGINT, signal.SIGHUP)}
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
    try:
        orphans.stop_when_asked()
        assert {number: signal.getsignal(number) for number in ignored} == ignored
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
