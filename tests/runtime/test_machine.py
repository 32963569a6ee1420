import argparse
import os
import tempfile

import pytest
import torch

from pipeline.runtime import devices
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import GRES, Machine, add_machine, machine_from, use_machine


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of which this job may see the GPUs 4, 5 and 6."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(devices, "_held", {})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    yield tmp_path
    for lock in devices._held.values():
        os.close(lock)


def test_a_job_uses_the_gpus_that_it_takes(machine):
    assert use_machine(2, threads=1, workers=0) == Machine("cuda", 2, 1, 0)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5"


def test_a_job_without_gpus_takes_none(machine):
    assert use_machine(0, threads=1, workers=0) == Machine("cpu", 0, 1, 0)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5,6"
    assert not list(machine.iterdir())


def test_where_gpus_are_granted_as_gres_a_job_uses_what_slurm_granted(machine, monkeypatch):
    monkeypatch.setenv(GRES, "1")
    assert use_machine(0, threads=1, workers=0) == Machine("cuda", 3, 1, 0)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5,6"


@pytest.mark.parametrize("granted", [None, ""])
def test_a_job_that_gres_granted_nothing_does_not_run_on_the_cpu(machine, monkeypatch, granted):
    monkeypatch.setenv(GRES, "1")
    if granted is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", granted)
    with pytest.raises(UserError, match="granted this job no GPU"):
        use_machine(0, threads=1)


def test_a_command_line_names_the_machine(monkeypatch):
    threads = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    arguments = argparse.ArgumentParser()
    add_machine(arguments)
    given = arguments.parse_args(["--threads", "5", "--workers", "3"])
    assert machine_from(given) == Machine("cpu", gpus=0, threads=5, workers=3)
    assert threads == [5]


def test_a_started_process_of_a_training_uses_what_rank_0_took(machine, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert use_machine(2, threads=1, workers=0) == Machine("cuda", 2, 1, 0)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5,6"
    assert not list(machine.iterdir())


def test_more_gpus_than_there_are_is_an_error(machine):
    with pytest.raises(UserError, match=r"granted 4 GPU\(s\), but sees 3 \(4, 5, 6\)"):
        use_machine(4, threads=1)


@pytest.mark.parametrize(
    ("cuda", "reason"), [(None, "is a CPU build"), ("12.8", r"\(CUDA 12\.8\) finds no usable GPU")]
)
@pytest.mark.parametrize("count", [0, 3])  # the driver is missing, or there but too old
def test_a_gpu_that_cannot_be_used_is_an_error(machine, monkeypatch, count, cuda, reason):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    with pytest.raises(UserError, match=rf"granted 1 GPU.*{reason}.*--resources gpu=0"):
        use_machine(1, threads=1)
