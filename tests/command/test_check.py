import sys

import numpy as np
import pytest
import torch
import yaml
from tiny_wsol import picture, tiny_wsol

from pipeline.command.__main__ import execute
from pipeline.datasets.__main__ import run as stage
from pipeline.models.classifier import Classifier
from pipeline.runtime.cli import main
from pipeline.runtime.errors import UserError
from pipeline.settings import Training, TrainJob


@pytest.fixture
def config(tmp_path, drawn):
    """A study of a drawn data set, a folder like CUB's and one of the WSOL benchmark's."""
    root, metadata = tiny_wsol(tmp_path)
    weights = tmp_path / "trunk.pth"
    torch.save({"a": torch.zeros(2)}, weights)
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
            "birds": {"root": str(drawn), "architectures": ["small", "large"]},
            "insects": {
                "root": str(root),
                "records": {"layout": "wsol", "metadata": str(metadata)},
                "cue_localization": False,
            },
        },
    }


def check(tmp_path, config, capsys):
    """Exit status, printed report, error message."""
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(config))
    try:
        execute(["check", str(path), "--workers", "1"])
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


def test_functions_are_loaded(tmp_path, config, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "checked_lab.py").write_text("def f(query): ...\n")
    config["methods"] = {"mine": "checked_lab:f"}
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 0
    assert "methods.mine: checked_lab:f, found." in text
    config["methods"] = {"mine": "checked_lab:g"}
    status, text, error = check(tmp_path, config, capsys)
    assert status == 2
    assert "names 1 data sets, weights or functions" in error
    assert "methods.mine: checked_lab:g cannot be loaded" in text


def test_everything_that_is_missing_comes_with_its_source(tmp_path, config, capsys):
    config["datasets"]["birds"]["root"] = str(tmp_path / "CUB_200_2011")
    records = config["datasets"]["insects"]["records"]
    records["metadata"] = str(tmp_path / "wsol_metadata" / "OpenImages")
    config["architectures"]["small"]["weights"] = "nowhere.pth"
    status, text, error = check(tmp_path, config, capsys)
    assert status == 2
    assert "names 3 data sets, weights or functions that cannot be used" in error
    assert f"{tmp_path / 'CUB_200_2011'} does not exist" in text
    assert "CaltechDATA" in text
    assert "bounding_boxes.txt: lines '<image id> <x> <y> <width> <height>'" in text
    assert "OpenImages/test/image_ids.txt: lines" in text
    assert "OpenImages30k, released by the WSOL benchmark's authors" in text
    assert "architectures.small.weights: nowhere.pth is missing." in text


@pytest.mark.parametrize(
    ("weights", "status", "said"),
    [
        ("package:pipeline/models/shipped/small_birds.safetensors", 0, ", found. It holds "),
        ("package:net_of_a_test/w.pth", 0, ", found. It holds 1 tensors."),
        ("package:pipeline/py.typed", 2, "cannot be used."),
        ("package:pipeline/w.pth", 2, "'pipeline' has no file w.pth. Correct the path."),
        ("package:no_where/w.pth", 2, "Install it, as a rule by: pip install no-where"),
        ("package:pipeline", 2, "names no file. Write package:PACKAGE/PATH."),
    ],
)
def test_weights_in_a_package(tmp_path, config, capsys, monkeypatch, weights, status, said):
    package = tmp_path / "net_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    torch.save({"a": torch.zeros(2)}, package / "w.pth")
    monkeypatch.syspath_prepend(tmp_path)
    config["architectures"]["small"]["weights"] = weights
    found, text, _ = check(tmp_path, config, capsys)
    assert found == status
    assert f"architectures.small.weights: {weights}" in text
    assert said in text


def test_cues_need_attributes(tmp_path, config, capsys):
    insects = config["datasets"]["insects"]
    insects |= {"cue_localization": True, "architectures": ["small"], "variants": {"cam": {}}}
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 2
    assert "class_attribute_labels_continuous.txt is missing, which cue localisation needs" in text
    assert "set `cue_localization: false` for the data set" in text


def test_splits_without_images_are_named(tmp_path, config, capsys):
    for path in (tmp_path / "images" / "val").rglob("*.jpg"):
        path.unlink()
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 0
    assert "split val is empty: none of the 1 images in its list is there" in text


def test_the_exit_status_is_two(tmp_path, config, capsys, monkeypatch):
    config["architectures"]["small"]["weights"] = "nowhere.pth"
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(config))
    monkeypatch.setattr(sys, "argv", ["calm", "check", str(path), "--workers", "1"])
    with pytest.raises(SystemExit) as stop:
        main(execute)
    assert stop.value.code == 2
    assert "names 1 data sets, weights or functions" in capsys.readouterr().err


def test_a_folder_needs_no_config(config, drawn, capsys):
    execute(["check", str(drawn), "--workers", "1"])
    text = capsys.readouterr().out
    assert f"{drawn}, layout cub: found.\n  4 classes; 16 train images, 4 val images" in text
    assert f"In a config: root: {drawn}, records: {{layout: cub}}" in text

    insects = config["datasets"]["insects"]
    metadata = insects["records"]["metadata"]
    execute(["check", insects["root"], "--metadata", metadata, "--workers", "1"])
    text = capsys.readouterr().out
    assert "layout wsol: found.\n  2 classes; 2 train images, 1 val images, 2 test images" in text
    assert f"records: {{metadata: {metadata}, layout: wsol}}" in text


def test_a_folder_that_cannot_be_used(tmp_path, capsys):
    (tmp_path / "train" / "ape").mkdir(parents=True)
    with pytest.raises(UserError, match=f"{tmp_path} cannot be used, see above"):
        execute(["check", str(tmp_path), "--workers", "1"])
    assert "layout folder: not usable" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"layout wsol needs `metadata`"):
        execute(["check", str(tmp_path), "--layout", "wsol"])


def test_options_of_a_folder_are_refused_for_a_config(tmp_path, config):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(UserError, match=r"--layout, --masks: only for a folder"):
        execute(["check", str(path), "--layout", "folder", "--masks", "m"])


def test_a_config_that_is_wrong_is_refused_before_any_data_is_read(tmp_path, config, capsys):
    config["datasets"]["birds"]["root"] = "data {v2}"
    config["datasets"]["insects"]["cues"] = False
    status, text, error = check(tmp_path, config, capsys)
    assert (status, text) == (2, "")
    assert "datasets.birds.root: 'data {v2}' has a brace" in error
    assert "datasets.insects.cues is now datasets.insects.cue_localization" in error


def test_the_home_folder_is_where_a_shell_says(tmp_path, config, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config["architectures"]["small"]["weights"] = "~/trunk.pth"
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 0
    assert f"architectures.small.weights: {tmp_path}/trunk.pth, found." in text


def test_calm_check_is_the_only_check():
    with pytest.raises(SystemExit):
        stage(["check", "--root", "anywhere"])


def test_weights_are_opened_and_named_in_words(tmp_path, config, capsys):
    (tmp_path / "trunk.pth").write_text("<!DOCTYPE html><html>404</html>")
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 2
    assert "trunk.pth cannot be used.\n  weights:" in text
    assert "weights_only" not in text  # PyTorch's own advice is to load it unsafely


def test_what_is_odd_is_counted_with_names(tmp_path, config, capsys):
    root = tmp_path / "own"
    for name in ("train/ape/1.jpg", "train/ape/2.jpg", "test/ape/3.jpg", "validation/ape/4.jpg"):
        picture(root / name)
    (root / "train/ape/a.heic").write_text("")
    config["datasets"] = {"own": {"root": str(root), "records": {"layout": "folder"}}}
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 0
    assert "other files: 1 (train/ape/a.heic)" in text
    assert "folders that are not splits: 1 (validation)" in text


def test_a_study_that_cannot_be_measured(tmp_path, config, capsys):
    root = tmp_path / "own"
    for name in ("train/ape/1.jpg", "train/ape/2.jpg", "test/ape/3.jpg"):
        picture(root / name)
    config["datasets"] = {
        "own": {
            "root": str(root),
            "records": {"layout": "folder"},
            "cue_localization": False,
            "architectures": ["small"],
            "variants": {"cam": {}},
        }
    }
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 2
    assert "1 x needed by the study but missing:\n    a box or mask of any test image" in text


def test_networks_of_libraries_are_built_without_values_and_described(tmp_path, config, capsys):
    config["architectures"] = {
        "effnet": {"trunk": "timm:test_efficientnet", "map_size": 14, "dilation": True}
    }
    config["datasets"] = {
        "drawn": {"draw": {"seed": 1}, "architectures": ["effnet"], "variants": {"adl": {}}}
    }
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 0
    assert (
        "architectures.effnet.trunk: timm:test_efficientnet, 14x14 cells for 224 pixels, "
        "256 channels, 6 stages." in text
    )


def test_trunks_that_are_refused_are_named_before_anything_runs(tmp_path, config, capsys):
    config["architectures"] = {
        "typo": {"trunk": "timm:resnet19"},
        "tokens": {"trunk": "timm:test_vit", "map_size": 28},
        "cait": {"trunk": "timm:cait_xxs24_224"},
        "mixer": {"trunk": "timm:mixer_s32_224"},
    }
    config["datasets"] = {
        "drawn": {"draw": {"seed": 1}, "architectures": ["cait"], "variants": {"spg": {}}},
        "small": {
            "draw": {"seed": 1},
            "images": {"train_size": 256, "eval_size": 128},
            "architectures": ["mixer"],
            "variants": {"cam": {}},
        },
    }
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 2
    assert "architectures.typo: trunk: timm has no network 'resnet19'" in text
    assert "architectures.tokens: map_size: 28: 'timm:test_vit' gives 14 cells" in text
    assert "architectures.mixer: images of 128 pixels do not go through" in text
    assert "architectures.cait: drawn/spg: method: 'spg' has no places" in text


def test_weights_of_another_trunk_are_found_before_anything_runs(tmp_path, config, capsys):
    small = config["architectures"]["small"]
    config["datasets"]["birds"] |= {"architectures": ["small"], "variants": {"cam": {}, "adl": {}}}
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 2
    assert text.count("architectures.small.weights: weights") == 1  # of both models
    assert "do not fit trunk 'resnet_small': missing" in text

    small["weights"] = str(tmp_path / "fitting.pth")
    torch.save(trunk_of("resnet_small"), small["weights"])
    assert check(tmp_path, config, capsys)[0] == 0
    config["training"] = {"head": "trained"}  # the file has none
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 2
    assert "head: trained: the heads in weights" in text


def trunk_of(name):
    job = TrainJob(trunk=name, weights="none", seed=0, training=Training(method="cam"))
    return Classifier(job, 2).trunk.state_dict()


def test_weights_that_a_library_publishes(tmp_path, config, capsys):
    large = config["architectures"]["large"]
    large["weights"] = "torchvision:ResNet50_Weights.IMAGENET1K_V9"
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 2
    assert "architectures.large.weights: torchvision has no weights of that name" in text

    config["architectures"]["large"] = {"trunk": "timm:test_efficientnet", "weights": "timm"}
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 0
    assert "architectures.large.weights: what timm publishes for the trunk" in text


def test_own_maps_are_compared_with_the_images(tmp_path, config, capsys):
    images = ("train/ape/1.jpg", "train/ape/2.jpg", "test/ape/3.jpg", "test/ape/4.jpg")
    for name in images:
        picture(tmp_path / "own" / name)
    config["datasets"] = {
        "own": {
            "root": str(tmp_path / "own"),
            "records": {"layout": "folder"},
            "cue_localization": False,
            "wsol": False,
        }
    }
    maps = tmp_path / "maps" / "test" / "ape"
    config["own_maps"] = {"mine": {"path": str(tmp_path / "maps"), "dataset": "own"}}
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 2
    assert f"own_maps.mine: {tmp_path / 'maps'} does not exist" in text
    maps.mkdir(parents=True)
    np.save(maps / "3.npy", np.eye(7))
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 2
    assert "1 have no map of their own class: test/ape/4.jpg" in text
    np.save(maps / "4.npy", np.eye(7) * 1e300)
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 0
    # 2**870 brings 1e300 below 2**127; the other map, of ones, is then 0 everywhere in 32 bits
    assert f"divided by {2.0**870:g} to fit 32 bits, 1 constant: test/ape/3.jpg" in text
    np.save(maps / "4.npy", np.ones((7, 7)))
    status, text, _ = check(tmp_path, config, capsys)
    assert status == 0
    assert "found: 2 maps of 7 x 7, 1 constant: test/ape/4.jpg" in text
