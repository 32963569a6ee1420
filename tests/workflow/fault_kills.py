"""Signals at random moments: to Snakemake with all its jobs, and to Snakemake alone."""

import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from fault_study import Row, bytes_different, finish, new_study, resuming, start
from workflow_run import edit_config

LONG = "otherbirds/small/attributes/seed0"  # the model that is trained long
WEIGHTS = f"results/models/{LONG}/weights.safetensors"
TRAINING_LOG = f"results/logs/train/{LONG}.log"
_ENDED = re.compile(r"^\[\d+/\d+\] ", re.MULTILINE)  # a line for each job


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
            if not comes(moments, process, study):
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


def comes(moments: random.Random, process: subprocess.Popen, study: Path, *, most: int = 6) -> bool:
    """Wait for a random moment: some jobs after the start or the resumption, and some seconds.

    Counted in jobs, ``most`` at most, as many signals fall into a study on any machine. False if
    the study came to its end before.
    """
    jobs, seconds = moments.randint(0, most), moments.uniform(0, 6)
    while len(_ENDED.findall((study / "printed.txt").read_text())) < jobs:
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


def disturb_in_turn(
    faults: Sequence[tuple[str, signal.Signals, bool]],
    times: int,
    moments: random.Random,
    undisturbed: Path,
) -> list[Row]:
    """Send signals of all kinds in turn to as few studies as can meet them.

    Args:
        faults: of each its name, its signal, and whether it is for Snakemake alone; after SIGSTOP,
            SIGCONT follows some seconds later, and the study goes on.
        times: signals of each kind.
        moments: draws the moments.
        undisturbed: the study to compare with.
    """
    tried = {fault: 0 for fault, _, _ in faults}
    recovered = dict(tried)
    different = 0
    turn = itertools.cycle(faults)
    while min(tried.values()) < times:
        study = new_study(undisturbed.with_name("in_turn"))
        process, sent = None, []
        while min(tried.values()) < times:
            process = process or start(study, resuming())
            if not comes(moments, process, study, most=3):
                break
            fault, send, alone = next(turn)
            if send == signal.SIGSTOP:
                os.killpg(process.pid, send)
                time.sleep(PAUSE)
                os.killpg(process.pid, signal.SIGCONT)
                sent.append((fault, process))
            else:
                end(process, send, alone=alone)
                if process.returncode == 0:  # it came to its end nevertheless
                    break
                sent.append((fault, process))
                process = None
            tried[fault] += 1
        if process is not None:
            process.wait()
        finish(study)
        now_different = bytes_different(study, undisturbed)
        different += now_different
        for fault, of_it in sent:
            recovered[fault] += now_different == 0 and not orphans(of_it)
        print(f"{tried}, {different} bytes different", file=sys.stderr)
        shutil.rmtree(study)
    return [Row(fault, tried[fault], recovered[fault], different) for fault in tried]


PAUSE = 5.0  # seconds between SIGSTOP and SIGCONT
EPOCHS = 60  # of the long training: some ten seconds


def disturb_training(folder: Path, times: int, moments: random.Random) -> Row:
    """Kill one long training at random moments, with the Snakemake that runs it, and resume it.

    Args:
        folder: for the studies.
        times: signals to send.
        moments: draws the moments.
    """
    whole, study = (_long_study(folder / name) for name in ("whole", "killed"))
    finish(whole, WEIGHTS)
    tried = again = 0
    while tried < times:
        process = start(study, resuming(WEIGHTS))
        log = study / TRAINING_LOG
        log.unlink(missing_ok=True)
        while not (log.exists() and "epoch" in log.read_text()):
            if process.poll() is not None:
                break
            time.sleep(0.01)
        try:
            process.wait(moments.uniform(0, 4))
        except subprocess.TimeoutExpired:
            again += "resuming after epoch" in log.read_text()
            end(process, signal.SIGKILL, alone=False)
            tried += 1
            continue
        # it came to its end: once more, from the start
        shutil.rmtree((study / WEIGHTS).parent)
    finish(study, WEIGHTS)
    one, other = ((place / WEIGHTS).read_bytes() for place in (study, whole))
    different = sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))
    print(f"  {again} of {tried} kills met a training that had been resumed", file=sys.stderr)
    return Row(
        "SIGKILL of a long training and its Snakemake", tried, 0 if different else tried, different
    )


def _long_study(folder: Path) -> Path:
    study = new_study(folder)
    edit_config(study, training__epochs=EPOCHS)
    return study
