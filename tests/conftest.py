import os
from pathlib import Path

# One thread a test process: tests run side by side, and OpenMP threads that wait for each other
# are slower than none. Set before torch and numba are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import pytest


def pytest_collection_modifyitems(items):
    """Tests on real data run where CALM_DATA names the folder, and are skipped elsewhere."""
    if os.environ.get("CALM_DATA"):
        return
    skip = pytest.mark.skip(reason="CALM_DATA is unset")
    for item in items:
        if item.get_closest_marker("real_data"):
            item.add_marker(skip)


@pytest.fixture
def calm_data() -> Path:
    """The folder of real data; a wrong CALM_DATA is an error, not a skip."""
    folder = Path(os.environ["CALM_DATA"]).resolve()
    assert folder.is_dir(), f"CALM_DATA={folder} is not a folder"
    return folder
