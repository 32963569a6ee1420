import numpy as np
import pytest
from explained_study import write_study
from PIL import Image

from pipeline.command.__main__ import execute
from pipeline.runtime.errors import UserError


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """The weights of a CALM model and an image."""
    folder = tmp_path_factory.mktemp("command")
    weights = write_study(folder) / "models" / "birds" / "net" / "calm_em" / "seed0"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "bird.png")
    return folder / "bird.png", weights / "weights.safetensors"


def test_words_are_printed_and_files_written(inputs, tmp_path, capsys):
    image, weights = inputs
    execute(
        f"explain {image} --weights {weights} --class tree_sparrow --against house_sparrow"
        f" --superset sparrow --out {tmp_path}".split()
    )
    text = capsys.readouterr().out
    assert "calm_em on resnet_small, 4 classes" in text
    assert "bird.png: " in text
    assert "the class is Tree Sparrow" in text
    assert "Tree Sparrow rather than House Sparrow" in text
    written = text.partition("written:\n")[2].split()
    assert written == [
        str(tmp_path / f"bird_{method}.{suffix}")
        for method in ("joint", "counterfactual", "subset")
        for suffix in ("png", "h5")
    ]
    assert sorted(written) == sorted(map(str, tmp_path.iterdir()))


def test_a_wrong_name_writes_nothing(inputs, tmp_path):
    image, weights = inputs
    with pytest.raises(UserError, match="Did you mean 'Tree Sparrow'"):
        execute(
            f"explain {image} --weights {weights} --class tree_sparow --out {tmp_path}/out".split()
        )
    assert not (tmp_path / "out").exists()
