"""What is wrong with a model from elsewhere is said before any job runs, once and with its key."""

import pytest
import torch
from torchvision import models

from pipeline.artefacts.paths import Paths
from pipeline.command.given_models import opened
from pipeline.runtime.errors import UserError
from pipeline.study.loading import load
from pipeline.study.opening import open_models

NETS = """
import timm, torch
from torchvision import models

def vit():
    torch.manual_seed(0)
    return timm.create_model("vit_tiny_patch16_224", num_classes=5, img_size=64, depth=2)

def broken():
    raise RuntimeError("no disk")

def untold():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.nn.Conv2d(3, 8, 3), torch.nn.Linear(8, 5)

        def forward(self, images):
            return self.b(torch.nn.functional.relu(self.a(images)).mean((2, 3)))

    torch.manual_seed(0)
    return Net()

def killed():
    import os, sys
    print("about to load 99 GB", file=sys.stderr, flush=True)
    os.kill(os.getpid(), 9)

def maps():
    return torch.nn.Conv2d(3, 5, 1)

def cut_off():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = untold()

        @torch.no_grad()
        def forward(self, images):
            return self.net(images)

    return Net()

def one_way():
    class Copy(torch.autograd.Function):
        @staticmethod
        def forward(context, scores):
            return scores.clone()

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = untold()

        def forward(self, images):
            return Copy.apply(self.net(images))

    return Net()

def leaves():
    raise SystemExit("usage: train.py")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save({"model": models.resnet18(num_classes=5).state_dict()}, "net.pth")
    (tmp_path / "given_nets.py").write_text(NETS)
    (tmp_path / "three.txt").write_text("a\nb\nc\n")
    return tmp_path


def study(methods=("cam", "gradcam"), data=None, **keys):
    given = {"model": "torchvision:resnet18", "weights": "net.pth", "size": 64, **keys}
    return load(
        {
            "architectures": {"mine": {key: v for key, v in given.items() if v is not None}},
            "datasets": {
                "birds": {"draw": {}, "architectures": ["mine"], "images": {"eval_size": 64}}
                | (data or {})
            },
            "methods": {"cam": list(methods)},
        }
    )


def test_what_would_be_loaded_is_said(folder):
    (found,) = opened(study())
    assert found == (
        "architectures.mine",
        True,
        "torchvision:resnet18, its weights from a file (checkpoint); 5 classes; images of 64 "
        "pixels, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225; it has class activation "
        "maps.",
    )


CALLED = {"weights": None, "size": None}
WRONG = [
    ({"classes": "three.txt"}, "the list has 3 names, but the network has 5 outputs"),
    ({"model": "torchvision:vgg11"}, "The weights do not belong to torchvision:vgg11"),
    ({"weights": "absent.pth"}, "absent.pth is missing"),
    ({"model": "given_nets:broken", **CALLED}, "gives no model: RuntimeError: no disk"),
    ({"model": "given_nets:maps", **CALLED}, r"gives \(2, 5, 64, 64\) for 2 images"),
    (
        {"model": "given_nets:vit", **CALLED},
        "^cam: this network's end is not pooling and one linear",
    ),
    ({"model": "given_nets:leaves", **CALLED}, "gives no model: SystemExit: usage"),
    (
        {"model": "given_nets:cut_off", "methods": ["gradient", "rise", "smoothgrad"], **CALLED},
        "^gradient, smoothgrad: no gradient reaches the image",
    ),
    (
        {"model": "given_nets:one_way", "methods": ["gradient"], **CALLED},
        r"^gradient: no gradient reaches the image \(NotImplementedError: ",
    ),
    ({"methods": ["legrad"]}, "^legrad: .*attention of a vision transformer"),
    ({"methods": ["guided_backprop"]}, "^guided_backprop: not for given networks"),
    ({"model": "given_nets:untold", "methods": ["deep_lift"], **CALLED}, "outside of modules"),
]


@pytest.mark.parametrize(("keys", "message"), WRONG)
def test_a_fault_is_one_message_with_its_key(folder, keys, message):
    (found,) = opened(study(**keys))
    assert not found.usable
    with pytest.raises(UserError, match=message):
        raise UserError(found.text)


def test_the_classes_of_a_folder_are_compared_before_anything_is_read(folder):
    for name in ("jay", "crow", "wren", "tit"):
        for split in ("train", "test"):
            (folder / "photos" / split / name).mkdir(parents=True)
    (folder / "five.txt").write_text("Crow\nJay\nMarsh_wren\nTit\nRobin\n")
    data = {"root": "photos", "draw": None, "records": {"layout": "folder"}}
    (found,) = opened(study(data=data))
    assert not found.usable
    assert "The network has 5 outputs, but the data set has 4 classes" in found.text
    (found,) = opened(study(data=data, classes="five.txt"))
    assert not found.usable
    assert "does not know 1 of the data set's 4 classes, such as 'wren'; " in found.text
    data["records"]["classes"] = "1-3"  # crow, jay, tit
    (found,) = opened(study(data=data, classes="five.txt"))
    assert found.usable
    assert "5 classes, of which 3 are the data set's" in found.text


def test_methods_that_a_vit_can_do(folder):
    (found,) = opened(
        study(model="given_nets:vit", methods=["gradcam", "legrad", "gradient"], **CALLED)
    )
    assert found.usable, found.text


def test_the_workflow_opens_them_before_its_first_job(folder):
    with pytest.raises(UserError, match=r"^architectures.mine: classes: the list has 3 names"):
        open_models(study(classes="three.txt"), Paths("results"))
    open_models(study(), Paths("results"))


def test_all_faults_are_in_one_message(folder):
    """Of every kind that bad input has, for given and trained models together."""
    models = {
        "classes": {"model": "torchvision:resnet18", "weights": "net.pth", "classes": "three.txt"},
        "other": {"model": "torchvision:vgg11", "weights": "net.pth"},
        "broken": {"model": "given_nets:broken"},
        "maps": {"model": "given_nets:maps"},
        "unable": {"model": "given_nets:vit", "methods": ["cam", "gradcam", "cam_max"]},
        "mapless": {"trunk": "timm:crossvit_tiny_240"},
        "plain": {"trunk": "resnet_small"},
    }
    faulty = load(
        {
            "architectures": models,
            "datasets": {
                "birds": {
                    "draw": {}, "architectures": [*models], "images": {"eval_size": 64},
                    "variants": {"cam": {}},
                }
            },
            "methods": {"cam": ["gradient", "legrad"]},
        }
    )  # fmt: skip
    with pytest.raises(UserError) as caught:
        open_models(faulty, Paths("results"))
    lines = str(caught.value).splitlines()
    for key, said in {
        "classes": "the list has 3 names, but the network has 5 outputs",
        "other": "do not belong to torchvision:vgg11",
        "broken": "no disk",
        "maps": "gives (2, 5, 64, 64) for 2 images",
        "unable": "cam, cam_max: this network's end is not pooling",
        "mapless": "has no spatial map",
        "plain": "legrad: This method reads the attention of a vision transformer",
    }.items():
        assert any(line.startswith(f"architectures.{key}: ") and said in line for line in lines), (
            key
        )


def test_a_process_that_is_killed_is_said_with_all_that_it_wrote(folder):
    with pytest.raises(UserError) as caught:
        open_models(study(model="given_nets:killed", **CALLED), Paths("results"))
    assert "exit status -9, killed, often for lack of memory" in str(caught.value)
    assert "about to load 99 GB" in str(caught.value)
