import json
import sys

import pytest
import yaml
from tiny_wsol import tiny_wsol

from pipeline.datasets.__main__ import run
from pipeline.runtime.cli import main
from pipeline.runtime.errors import UserError


@pytest.fixture
def config(tmp_path, drawn):
    """A study of a drawn data set, a folder like CUB's and one of the WSOL benchmark's."""
    root, metadata = tiny_wsol(tmp_path)
    weights = tmp_path / "trunk.pth"
    weights.write_bytes(b"")
    return {
        "architectures": {
            "small": {"trunk": "resnet_small", "weights": str(weights)},
            "large": {
                "trunk": "resnet50",
                "weights": "torchvision:ResNet50_Weights.IMAGENET1K_V1",
            },
        },
        "datasets": {
            "drawn": {"draw": {"seed": 1}},
            "birds": {"root": str(drawn)},
            "insects": {
                "root": str(root),
                "records": {"layout": "wsol", "metadata": str(metadata)},
                "cues": False,
            },
        },
    }


def check(tmp_path, config, capsys):
    """Exit status, printed report, error message."""
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(config))
    try:
        run(["check", "--config", str(path), "--workers", "1"])
    except UserError as error:
        return 2, capsys.readouterr().out, str(error)
    return 0, capsys.readouterr().out, ""


def test_a_complete_study(tmp_path, config, capsys):
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 0
    assert "drawn: drawn by the study itself." in text
    assert "layout cub: found.\n  4 classes; 16 train images, 4 val images, 8 test images" in text
    assert "layout wsol: found.\n  2 classes; 2 train images, 1 val images, 2 test images" in text
    assert "without boxes: 2" in text
    assert "architectures.small.weights" in text
    assert "downloaded by torchvision" in text


def test_everything_that_is_missing_is_told_with_its_source(tmp_path, config, capsys):
    config["datasets"]["birds"]["root"] = str(tmp_path / "CUB_200_2011")
    records = config["datasets"]["insects"]["records"]
    records["metadata"] = str(tmp_path / "wsol_metadata" / "OpenImages")
    config["architectures"]["small"]["weights"] = "nowhere.pth"
    status, text, error = check(tmp_path, config, capsys)
    assert status == 2
    assert "names 3 data sets or weights that cannot be used" in error
    assert f"{tmp_path / 'CUB_200_2011'} does not exist" in text
    assert "CaltechDATA" in text
    assert "bounding_boxes.txt: lines '<image id> <x> <y> <width> <height>'" in text
    assert "OpenImages/test/image_ids.txt: lines" in text
    assert "OpenImages30k, released by the WSOL benchmark's authors" in text
    assert "architectures.small.weights: nowhere.pth is missing." in text


def test_cues_need_attributes(tmp_path, config, capsys):
    config["datasets"]["insects"]["cues"] = True
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 2
    assert "class_attribute_labels_continuous.txt is missing, which cue localisation needs" in text
    assert "set `cues: false` for insects" in text


def test_splits_without_images_are_told(tmp_path, config, capsys):
    for path in (tmp_path / "images" / "val").rglob("*.jpg"):
        path.unlink()
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 0
    assert "split val is empty: none of the 1 images in its list is there" in text


def test_the_exit_status_is_two(tmp_path, config, capsys, monkeypatch):
    config["architectures"]["small"]["weights"] = "nowhere.pth"
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(config))
    monkeypatch.setattr(sys, "argv", ["x", "check", "--config", str(path), "--workers", "1"])
    with pytest.raises(SystemExit) as stop:
        main(run)
    assert stop.value.code == 2
    assert "names 1 data sets or weights" in capsys.readouterr().err


def test_a_single_folder_is_still_checked_by_itself(tmp_path, config, capsys):
    section = json.dumps(config["datasets"]["insects"]["records"])
    root = config["datasets"]["insects"]["root"]
    run(["check", "--root", root, "--section", section, "--workers", "1"])
    assert json.loads(capsys.readouterr().out)["images"] == {"train": 2, "val": 1, "test": 2}
    with pytest.raises(SystemExit):
        run(["check", "--root", root, "--config", "x.yaml"])
