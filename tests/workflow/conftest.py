import fcntl
import os
import shutil
from pathlib import Path

import pytest
from fault_power import record
from workflow_run import copy_checkout, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A checkout in which the tiny study ran to its end, once for all test processes.

    Not to be changed; what Snakemake printed is in ``printed.txt``, what its jobs renamed in
    ``renames.log``.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "finished"
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "printed.txt").exists():
            shutil.rmtree(folder, ignore_errors=True)
            copy_checkout(folder)
            record(folder)
            status, output = snakemake(folder, "--cores", "2")
            assert status == 0, output
            (folder / "printed.txt").write_text(output)
    return folder


@pytest.fixture
def study(finished, tmp_path):
    """A copy of the finished study, in another place, to edit."""
    folder = shutil.copytree(finished, tmp_path / "study")
    yield folder
    shutil.rmtree(folder)  # pytest would keep dozens of them


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout in which nothing ran yet."""
    copy_checkout(tmp_path / "checkout")
    return tmp_path / "checkout"
