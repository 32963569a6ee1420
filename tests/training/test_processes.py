"""A training shared by two processes (gloo, on the CPU) has the numbers of one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import safetensors.torch
import torch
import two_ranks
from small_training import draw_data, job, words
from torch.nn.modules.batchnorm import _BatchNorm
from two_ranks import record

from pipeline.models import build_classifier
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import Machine
from pipeline.training import processes
from pipeline.training.__main__ import run as run_training
from pipeline.training.waiting import Watch

TRAIN, VAL = 41, 7  # neither can be halved
SCRIPT = Path(two_ranks.__file__)
LAUNCHERS = {
    "its own": [sys.executable, SCRIPT],
    "torchrun": [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", SCRIPT
    ],
}  # fmt: skip

# batch normalisation is synchronised on GPUs alone, and SqueezeNet has none
WANTED = job("calm_em", batch_size=12, lr=0.003).model_copy(update={"trunk": "squeezenet1_0"})


def train_on_two(launcher, data, out, read, **environment):
    return subprocess.run(
        [*LAUNCHERS[launcher], *words(data, out, WANTED, gpus=2)],
        env=os.environ | {"READ": str(read), "PYTHONPATH": str(SCRIPT.parents[2])} | environment,
        stderr=subprocess.PIPE,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return draw_data(tmp_path_factory.mktemp("data"), TRAIN, VAL)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """The training in one process."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        record(patch, folder / "read")
        run_training(words(data, folder, WANTED))
    return folder


@pytest.fixture(scope="module")
def cut(data, tmp_path_factory):
    """The training in two processes, of which the first was killed after an epoch."""
    folder = tmp_path_factory.mktemp("cut")
    ended = train_on_two("its own", data, folder, folder / "read", CUT="1")
    # the pipe of its errors is closed: the other process has ended too
    assert ended.returncode == -9, ended.stderr
    assert not (folder / "weights.safetensors").exists()
    return folder


def check_passes(whole, parts, passes):
    """What two ranks read in their passes is what one read in ``passes``, in equal batches."""
    for number, single in enumerate(passes):
        expected = json.loads((whole / f"pass{single}.rank0.json").read_text())
        first, second = (
            json.loads((parts / f"pass{number}.rank{rank}.json").read_text()) for rank in (0, 1)
        )
        images = [image_id for part in (first, second) for step in part for image_id in step]
        assert len(images) == len(set(images)) == (VAL if single % 2 else TRAIN)
        assert len(first) == len(second)
        both = [sorted(a + b) for a, b in zip(first, second, strict=True)]
        assert both == [sorted(step) for step in expected]


def check_losses(whole, parts, epoch):
    expected, *ranks = (
        json.loads((folder / f"losses{epoch}.rank{rank}.json").read_text())
        for folder, rank in ((whole, 0), (parts, 0), (parts, 1))
    )
    assert len(expected) == 4
    assert ranks[0] == ranks[1]
    np.testing.assert_allclose(ranks[0], expected, rtol=1e-5)


def test_an_epoch_of_two_processes_is_that_of_one(whole, cut):
    check_passes(whole / "read", cut / "read", [0, 1])
    check_losses(whole / "read", cut / "read", 0)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_go_on_and_end_with_the_weights_of_one(data, whole, cut, tmp_path, launcher):
    shutil.copytree(cut / "checkpoints", tmp_path / "checkpoints")
    ended = train_on_two(launcher, data, tmp_path, tmp_path / "read")
    assert ended.returncode == 0, ended.stderr
    assert "resuming after epoch 1" in ended.stderr
    check_passes(whole / "read", tmp_path / "read", [2, 3])
    check_losses(whole / "read", tmp_path / "read", 1)

    expected, found = (
        pd.read_csv(folder / "history.csv").drop(columns=["images_per_second", "seconds"])
        for folder in (whole, tmp_path)
    )
    pd.testing.assert_frame_equal(found, expected, rtol=1e-5)
    expected, found = (
        safetensors.torch.load_file(folder / "weights.safetensors") for folder in (whole, tmp_path)
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert not list((tmp_path / "checkpoints").glob("*"))


@pytest.mark.parametrize("late", [1, 0])
def test_a_stopped_process_is_named_and_ends_the_others_with_a_message(data, tmp_path, late):
    read = tmp_path / "read"
    ended = train_on_two("its own", data, tmp_path, read, STOP=str(late), CALM_RANK_TIMEOUT="15")
    # rank 0, the job itself, is killed where it is the stopped one: it would never end
    assert ended.returncode == (2 if late else -9), ended.stderr
    stopped = int((read / "stopped").read_text())
    words = f"process {1 - late} has waited"
    (first, *_) = [line for line in ended.stderr.splitlines() if words in line]
    assert f"for process {late} (PID {stopped} on " in first
    assert f"stopped: `kill -CONT {stopped}` lets it go on" in first
    assert "after 15 s (CALM_RANK_TIMEOUT) the training ends" in first
    (said,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert (
        f"process {1 - late} of a training on 2 devices waited in vain for process {late}" in said
    )
    assert "at most 15 s, CALM_RANK_TIMEOUT" in said
    assert "Traceback" not in ended.stderr
    # it does not see its parent's end
    assert not psutil.pid_exists(stopped) or psutil.Process(stopped).status() == "zombie"


def test_a_timeout_that_is_no_number_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("CALM_RANK_TIMEOUT", "soon")
    with pytest.raises(UserError, match="CALM_RANK_TIMEOUT=soon: give whole seconds"):
        processes.start(Machine("cpu", 2, 2, 2), "32-true", Watch(tmp_path))


@pytest.mark.parametrize("trunk", ["resnet_small", "timm:test_efficientnet"])
def test_synchronised_batch_normalisation_changes_no_weights_file(trunk):
    model = build_classifier(job("cam").model_copy(update={"trunk": trunk}), 2).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected = model(images)
        names = list(model.state_dict())
        processes.share_batch_norms(model)
        norms = [layer for layer in model.modules() if isinstance(layer, _BatchNorm)]
        assert norms
        assert all(isinstance(layer, torch.nn.SyncBatchNorm) for layer in norms)
        assert torch.equal(model(images), expected)  # the traced trunk runs the new layers
    assert list(model.state_dict()) == names
