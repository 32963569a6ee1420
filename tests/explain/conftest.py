import numpy as np
import pytest
from explained_study import write_study
from PIL import Image


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Method of training -> its weights."""
    models = write_study(tmp_path_factory.mktemp("explained")) / "models" / "birds" / "net"
    return {path.name: path / "seed0" / "weights.safetensors" for path in models.iterdir()}


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """A picture of 90 x 60 pixels, not square."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("images") / "a bird.jpg"
    Image.fromarray(pixels).resize((90, 60)).save(path, quality=95)
    return path
