import pytest
from drawn_birds import draw_birds


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A small SynthBirds folder; not to be changed."""
    return draw_birds(tmp_path_factory.mktemp("synthbirds"))
