import shutil

import pytest

from pipeline.datasets.synthbirds import draw
from pipeline.settings import SynthBirds

SECTION = SynthBirds(seed=3, classes=4, train_images=5, test_images=2, size=64)


@pytest.fixture(scope="session")
def section():
    return SECTION


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A small SynthBirds folder; not to be changed."""
    root = tmp_path_factory.mktemp("synthbirds") / "birds"
    draw(SECTION, root)
    return root


@pytest.fixture
def folder(drawn, tmp_path):
    """A copy of the small SynthBirds folder, to break."""
    return shutil.copytree(drawn, tmp_path / "birds")
