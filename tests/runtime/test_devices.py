import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline.runtime import devices
from pipeline.runtime.errors import UserError

HOLD = """
import sys
from pipeline.runtime import devices
devices.INTERVAL = 0.01
print(*devices.claim(int(sys.argv[1]), sys.argv[2].split(",")), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """Start a process that claims devices and keeps them until it is killed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(devices, "_held", {})
    monkeypatch.setattr(devices, "INTERVAL", 0.01)
    monkeypatch.setenv("PATH", fake_driver(tmp_path / "driver", []))
    started = []

    def start(wanted, names, **environment):
        environment = os.environ | {"TMPDIR": str(tmp_path)} | environment
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(wanted), names],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
    for lock in devices._held.values():
        os.close(lock)


def taken(process):
    return process.stdout.readline().split()


def free(names):
    """The devices that this process could take now; it takes none."""
    folder = Path(tempfile.gettempdir()) / f"calm-gpus-{os.getuid()}"
    locks = {path: devices._lock(path) for path in devices._locks(names, folder).values()}
    for lock in locks.values():
        if lock is not None:
            os.close(lock)
    return [path.name for path, lock in locks.items() if lock is not None]


def test_jobs_take_different_devices_until_they_end(jobs):
    first = jobs(1, "4,5,6")
    assert taken(first) == ["4"]
    second = jobs(1, "4,5,6")
    assert taken(second) == ["5"]
    first.kill()
    first.wait()
    assert devices.claim(2, ["4", "5", "6"]) == ["4", "6"]
    # what a process has, it has already
    assert devices.claim(1, ["4"]) == ["4"]


def test_a_job_waits_for_all_its_devices_and_holds_none_meanwhile(jobs):
    first = jobs(1, "0,1,2")
    assert taken(first) == ["0"]
    second = jobs(3, "0,1,2")
    third = jobs(2, "0,1,2")
    assert taken(third) == ["1", "2"]
    assert second.poll() is None
    assert free(["0", "1", "2"]) == []
    third.kill()
    third.wait()
    first.kill()
    first.wait()
    assert taken(second) == ["0", "1", "2"]


def test_many_jobs_share_few_devices(jobs):
    waiting = [jobs(1, "0,1") for _ in range(5)]
    served = 0
    while waiting:
        ready, _, _ = select.select([job.stdout for job in waiting], [], [])
        holders = [job for job in waiting if job.stdout in ready]
        names = [name for job in holders for name in taken(job)]
        assert len(set(names)) == len(names) <= 2  # never two on one device
        for job in holders:
            waiting.remove(job)
            job.kill()
            job.wait()
        served += len(holders)
    assert served == 5


def test_a_program_that_a_job_starts_does_not_keep_its_device(jobs):
    devices.claim(1, ["0"])
    with subprocess.Popen(["sleep", "60"]) as program:
        os.close(devices._held.popitem()[1])
        assert free(["0"]) == ["0"]
        program.kill()


def fake_driver(folder, uuids):
    """An `nvidia-smi` that shows these GPUs; the PATH that finds it."""
    folder.mkdir()
    listed = "".join(f"{index}, {uuid}\n" for index, uuid in enumerate(uuids))
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '{listed}'\n")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_devices_are_told_apart_by_uuid(jobs, tmp_path):
    # as two Slurm jobs on a node, each of which sees its own GPU alone, as number 0
    first = jobs(1, "0", PATH=fake_driver(tmp_path / "a", ["GPU-a"]))
    second = jobs(1, "0", PATH=fake_driver(tmp_path / "b", ["GPU-b"]))
    assert (taken(first), taken(second)) == (["0"], ["0"])
    everything = fake_driver(tmp_path / "c", ["GPU-a", "GPU-b", "GPU-c"])
    assert taken(jobs(1, "0,1,2", PATH=everything)) == ["2"]
    assert free(["GPU-a", "GPU-b", "GPU-c", "GPU-d"]) == ["GPU-d"]


def test_too_few_devices_are_an_error(jobs):
    with pytest.raises(UserError, match=r"granted 2 GPU\(s\), but sees 1 \(3\)"):
        devices.claim(2, ["3"])


def test_a_folder_that_cannot_be_written_is_named(jobs, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"file/calm-gpus-\d+.*TMPDIR"):
        devices.claim(1, ["0"])


def test_a_link_in_place_of_the_folder_is_refused(jobs, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"calm-gpus-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"calm-gpus-\d+.*is not a folder.*TMPDIR"):
        devices.claim(1, ["0"])
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_in_place_of_the_folder_is_refused(jobs, tmp_path):
    (tmp_path / f"calm-gpus-{os.getuid()}").touch()
    with pytest.raises(UserError, match=r"calm-gpus-\d+.*is not a folder.*TMPDIR"):
        devices.claim(1, ["0"])


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o704, 0o710])
def test_a_folder_that_is_open_to_others_is_refused(jobs, tmp_path, mode):
    folder = tmp_path / f"calm-gpus-{os.getuid()}"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(UserError, match="is open to other users"):
        devices.claim(1, ["0"])


def test_a_folder_that_others_may_put_another_in_the_place_of_is_refused(jobs, tmp_path):
    tmp_path.chmod(0o777)  # without the bit of /tmp, by which only owners rename
    with pytest.raises(UserError, match="can be renamed by other users"):
        devices.claim(1, ["0"])
    tmp_path.chmod(0o1777)
    assert devices.claim(1, ["0"]) == ["0"]


def test_a_folder_of_another_user_is_refused(jobs, tmp_path, monkeypatch):
    devices.claim(1, ["0"])
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    (tmp_path / f"calm-gpus-{user}").rename(tmp_path / f"calm-gpus-{user + 1}")
    with pytest.raises(UserError, match="belongs to another user"):
        devices.claim(1, ["1"])


@pytest.mark.parametrize("name", ["0", "choosing"])
def test_a_link_in_place_of_a_lock_is_not_followed(jobs, tmp_path, name):
    folder = tmp_path / f"calm-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / name).symlink_to(victim)
    with pytest.raises(UserError, match="cannot lock a GPU"):
        devices.claim(1, ["0"])
    assert victim.read_text() == "precious"


def test_waiting_is_said(jobs, caplog, monkeypatch):
    monkeypatch.setattr(devices, "PATIENCE", 0.0)
    caplog.set_level("INFO")
    first = jobs(1, "0")
    assert taken(first) == ["0"]

    def end(seconds):
        first.kill()
        first.wait()

    monkeypatch.setattr(devices.time, "sleep", end)
    assert devices.claim(1, ["0"]) == ["0"]
    assert "waiting for 1 of the GPUs 0" in caplog.text


@pytest.mark.parametrize(
    ("given", "names"),
    [(None, ["0", "1"]), ("5, 7", ["5", "7"]), ("GPU-1,MIG-2", ["GPU-1", "MIG-2"])],
)
def test_visible_devices_are_those_of_the_environment(monkeypatch, given, names):
    if given is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert devices.visible(2) == names
    assert devices.visible(0) == []
