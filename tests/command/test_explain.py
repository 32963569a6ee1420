import numpy as np
import pytest
import torch
from explained_study import write_study
from PIL import Image
from torchvision import models

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


@pytest.fixture
def explained(inputs, tmp_path, capsys):
    """A function that explains the image with some options: what was printed, files written."""

    def explain(options):
        out = tmp_path / "out"
        execute(f"explain {inputs[0]} {options} --out {out}".split())
        text = capsys.readouterr().out
        written = text.partition("written:\n")[2].split()
        assert sorted(written) == sorted(map(str, out.iterdir()))
        return text, [name.removeprefix(f"{out}/") for name in written]

    return explain


def test_an_image_that_is_not_there_is_named_with_its_folder(tmp_path, inputs):
    with pytest.raises(UserError, match=r"the image there/bird\.png: there is no such file"):
        execute(["explain", "there/bird.png", "--weights", str(inputs[1])])
    with pytest.raises(UserError, match="there/bird"):  # whatever the model
        execute(["explain", "there/bird.png", "--weights", str(tmp_path / "none.safetensors")])


def test_words_are_printed_and_files_written(inputs, explained):
    text, written = explained(
        f"--weights {inputs[1]} --class tree_sparrow --against house_sparrow --superset sparrow"
    )
    assert "calm_em on resnet_small, 4 classes" in text
    assert "bird.png: " in text
    assert "the class is Tree Sparrow" in text
    assert "Tree Sparrow rather than House Sparrow" in text
    assert written == [
        f"bird_{method}.{suffix}"
        for method in ("joint", "counterfactual", "subset")
        for suffix in ("png", "h5")
    ]


def test_a_wrong_name_writes_nothing(inputs, tmp_path):
    image, weights = inputs
    with pytest.raises(UserError, match="Did you mean 'Tree Sparrow'"):
        execute(
            f"explain {image} --weights {weights} --class tree_sparow --out {tmp_path}/out".split()
        )
    assert not (tmp_path / "out").exists()


def test_any_model_with_its_classes(explained, tmp_path):
    torch.manual_seed(0)
    torch.save({"model": models.resnet18(num_classes=2).state_dict()}, tmp_path / "best.ckpt")
    (tmp_path / "names.txt").write_text("Jay\nCrow\n")
    text, written = explained(
        f"--model {tmp_path}/best.ckpt --classes {tmp_path}/names.txt --size 64"
        " --class crow --method cam gradient"
    )
    assert "ResNet, 2 classes" in text
    assert "the score of Crow at place z" in text
    assert written == ["bird_cam.png", "bird_cam.h5", "bird_gradient.png", "bird_gradient.h5"]


def test_a_model_is_needed(inputs):
    with pytest.raises(UserError, match="Give the model"):
        execute(["explain", str(inputs[0])])
