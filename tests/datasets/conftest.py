import shutil

import pytest
from drawn_birds import SECTION, draw_birds


@pytest.fixture(scope="session")
def section():
    return SECTION


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A small SynthBirds folder; not to be changed."""
    return draw_birds(tmp_path_factory.mktemp("synthbirds"))


@pytest.fixture
def folder(drawn, tmp_path):
    """A copy of the small SynthBirds folder, to break."""
    return shutil.copytree(drawn, tmp_path / "birds")
