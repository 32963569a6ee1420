"""Which GPUs of this machine a job uses: one job per device, kept by one lock per device.

Snakemake counts GPUs (``--resources gpu=2``) but does not say which. A job therefore takes free
ones among those that it may see. The kernel releases a lock when its holder ends, however it ends.
"""

import fcntl
import logging
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.runtime.errors import UserError
from pipeline.runtime.private_folder import private_folder

log = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds between two polls for a free device
PATIENCE = 3.0  # seconds of waiting without a message

_held: dict[Path, int] = {}  # this process's locks: open file descriptors, until it ends


def visible(count: int) -> list[str]:
    """The first ``count`` GPUs that this process may see, named as in CUDA_VISIBLE_DEVICES."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        return [str(index) for index in range(count)]
    return [name.strip() for name in given.split(",")][:count]


def claim(wanted: int, names: Sequence[str]) -> list[str]:
    """Take devices for this process until it ends; wait while too few are free.

    Args:
        wanted: number of devices.
        names: those to choose from, at least this many, named as in CUDA_VISIBLE_DEVICES.

    Returns:
        the names of those taken, in the given order.

    Raises:
        UserError: there are fewer than wanted, or the locks cannot be written, or their folder
            is not this user's alone.
    """
    if len(names) < wanted:
        raise UserError(
            f"the job was granted {wanted} GPU(s), but sees {len(names)} "
            f"({', '.join(names) or 'none'}). Lower `gpu` in its resources, or widen "
            "CUDA_VISIBLE_DEVICES."
        )
    begun, said = time.monotonic(), False
    try:
        folder = private_folder("gpus")
        locks = _locks(names, folder)
        while not (taken := _take(wanted, locks, folder / "choosing")):
            if not said and time.monotonic() - begun >= PATIENCE:
                log.info(
                    "waiting for %d of the GPUs %s, which other jobs have locked in %s",
                    wanted, ", ".join(names), folder,
                )  # fmt: skip
                said = True
            time.sleep(INTERVAL)
    except OSError as error:
        raise UserError(
            f"cannot lock a GPU at {error.filename}: {error.strerror}. Set TMPDIR to a folder on "
            "this machine that you may write to."
        ) from error
    return taken


def _locks(names: Sequence[str], folder: Path) -> dict[str, Path]:
    """The lock file of each device, named by the device's UUID.

    Its index would not do: inside a Slurm job, 0 is whichever GPU the job got.
    """
    uuids = _uuids()
    return {name: folder / uuids.get(name, name).replace("/", "_") for name in names}


def _uuids() -> dict[str, str]:
    """Index -> UUID of the GPUs that the driver shows; empty where it has no `nvidia-smi`."""
    command = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    return dict(line.split(", ") for line in listed.splitlines())


def _take(wanted: int, locks: dict[str, Path], choosing: Path) -> list[str]:
    """Lock the first free devices: as many as wanted, or none.

    One process chooses at a time: two that each took half of what both want would wait forever.
    """
    if (gate := _lock(choosing)) is None:
        return []
    try:
        taken: list[str] = []
        new: dict[Path, int] = {}
        for name, path in locks.items():
            if len(taken) == wanted:
                break
            if path not in _held:
                if (lock := _lock(path)) is None:
                    continue
                new[path] = lock
            taken.append(name)
        if len(taken) < wanted:
            for lock in new.values():
                os.close(lock)
            return []
    finally:
        os.close(gate)
    _held.update(new)
    return taken


def _lock(path: Path) -> int | None:
    """The descriptor of the locked file, or None if another process holds the lock.

    Programs that this process starts do not inherit it, so nothing else keeps the device.
    """
    lock = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
