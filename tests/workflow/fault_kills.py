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
from fault_study import Row, bytes_different, finish, new_study, start
from workflow_run import edit_config

ORPHANS_END_IN = 5.0  # seconds, much less than Snakemake needs to start again


def disturb(
    fault: str,
    times: int,
    send: signal.Signals,
    *,
    alone: bool,
    moments: random.Random,
    longest: float,
    undisturbed: Path,
) -> Row:
    """Disturb studies until there were ``times`` signals; each study is resumed up to its end.

    Args:
        fault: its name in the table.
        times: signals to send.
        send: the signal.
        alone: to Snakemake itself, instead of to it and all its jobs. Before every second one the
            config is another, so that an orphan that went on would write other results.
        moments: draws the moments, in seconds after the start or the resumption.
        longest: the latest of them, seconds.
        undisturbed: the study to compare with.
    """
    tried = recovered = different = 0
    while tried < times:
        study = new_study(undisturbed.with_name(fault.replace(" ", "_")))
        sent = clean = 0
        while tried + sent < times:
            other_config = alone and send == signal.SIGKILL and sent % 2 == 0
            edit_config(study, training__lr=0.02 if other_config else 0.01)
            process = start(study)
            try:
                process.wait(moments.uniform(0, longest))
                break  # it came to its end before
            except subprocess.TimeoutExpired:
                sent += 1
                clean += end(process, send, alone=alone)
        edit_config(study, training__lr=0.01)
        finish(study)
        now_different = bytes_different(study, undisturbed)
        tried += sent
        recovered += clean if now_different == 0 else 0
        different += now_different
        print(f"{fault}: {tried} of {times}, {different} bytes different", file=sys.stderr)
        shutil.rmtree(study)
    return Row(fault, tried, recovered, different)


def end(process: subprocess.Popen, send: signal.Signals, *, alone: bool) -> bool:
    """Send a signal to a started study and wait for its end; whether no job outlived it.

    Args:
        process: from :func:`fault_study.start`.
        send: the signal.
        alone: to Snakemake alone, or to all processes of the session.
    """
    if alone:
        for found in psutil.Process(process.pid).children():  # of bash: Snakemake
            found.send_signal(send)
    else:
        os.killpg(process.pid, send)
    process.wait()
    time_out = time.monotonic() + ORPHANS_END_IN
    while left := _session(process.pid):
        if time.monotonic() > time_out:
            print(f"  left alive: {[p.cmdline() for p in left]}", file=sys.stderr)
            os.killpg(process.pid, signal.SIGKILL)
            return False
        time.sleep(0.01)
    return True


def _session(number: int) -> list[psutil.Process]:
    """The processes of a session that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == number and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            pass
    return found
