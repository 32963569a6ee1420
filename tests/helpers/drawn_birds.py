"""A small SynthBirds folder, for the tests of what reads raw data."""

from pathlib import Path

from pipeline.datasets.synthbirds import draw
from pipeline.settings import SynthBirds

SECTION = SynthBirds(seed=3, classes=4, train_images=5, test_images=2, size=64)


def draw_birds(folder: Path) -> Path:
    """Draw them into a new folder in ``folder``, and give its path."""
    draw(SECTION, folder / "birds")
    return folder / "birds"
