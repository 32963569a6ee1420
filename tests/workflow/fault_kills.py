"""Signals at random moments: to Snakemake with all its jobs, and to Snakemake alone."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from fault_study import Row, bytes_different, finish, new_study, resuming, start
from workflow_run import edit_config


def disturb(
    fault: str,
    times: int,
    send: signal.Signals,
    *,
    alone: bool,
    moments: random.Random,
    undisturbed: Path,
) -> Row:
    """Disturb studies until there were ``times`` signals; each study is resumed up to its end.

    Args:
        fault: its name in the table.
        times: signals to send.
        send: the signal.
        alone: to Snakemake itself, instead of to it and all its jobs. Before every second one the
            config is another, so that an orphan that went on would write other results.
        moments: draws the moments.
        undisturbed: the study to compare with.
    """
    tried = recovered = different = 0
    while tried < times:
        study = new_study(undisturbed.with_name(fault.replace(" ", "_")))
        sent: list[subprocess.Popen] = []
        while tried + len(sent) < times:
            other_config = alone and send == signal.SIGKILL and len(sent) % 2 == 0
            edit_config(study, training__lr=0.02 if other_config else 0.01)
            process = start(study, resuming())
            if not _comes(moments, process, study):
                break
            end(process, send, alone=alone)
            if process.returncode == 0:  # it came to its end nevertheless
                break
            sent.append(process)
        edit_config(study, training__lr=0.01)
        finish(study)
        now_different = bytes_different(study, undisturbed)
        tried += len(sent)
        recovered += sum(not orphans(process) for process in sent) if now_different == 0 else 0
        different += now_different
        print(f"{fault}: {tried} of {times}, {different} bytes different", file=sys.stderr)
        shutil.rmtree(study)
    return Row(fault, tried, recovered, different)


def _comes(moments: random.Random, process: subprocess.Popen, study: Path) -> bool:
    """Wait for a random moment: some jobs after the start or the resumption, and some seconds.

    Counted in jobs, as many signals fall into a study on any machine. False if the study came to
    its end before.
    """
    jobs, seconds = moments.randint(0, 6), moments.uniform(0, 6)
    while (study / "printed.txt").read_text().count("Finished jobid") < jobs:
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def end(process: subprocess.Popen, send: signal.Signals, *, alone: bool) -> None:
    """Send a signal to a started study and wait for the end of Snakemake.

    Args:
        process: from :func:`fault_study.start`.
        send: the signal.
        alone: to Snakemake alone, or to all processes of the session.
    """
    if alone:
        for found in psutil.Process(process.pid).children():  # of bash
            if "snakemake" in " ".join(found.cmdline()[:2]):
                found.send_signal(send)
    else:
        os.killpg(process.pid, send)
    process.wait()


def orphans(process: subprocess.Popen) -> list[psutil.Process]:
    """The processes of a started study that still run."""
    found = []
    for other in psutil.process_iter():
        try:
            if os.getsid(other.pid) == process.pid and other.status() != psutil.STATUS_ZOMBIE:
                found.append(other)
        except (ProcessLookupError, psutil.NoSuchProcess):
            pass
    return found
