"""What a model to be trained cannot do is said before any job runs, without its weights."""

import pytest
import torch
from torchvision import models

from pipeline.artefacts.paths import Names, Paths, fill
from pipeline.attribution.ability import lacking
from pipeline.attribution.query import maps_of
from pipeline.catalogue.methods import METHODS
from pipeline.command.trained_models import built
from pipeline.models.classifier import Classifier
from pipeline.runtime.errors import UserError
from pipeline.settings import Attribution, Training, TrainJob
from pipeline.study.loading import load
from pipeline.study.opening import open_models, to_build


def study(trunks, methods=("cam",), variants=("cam",), crop=64, **keys):
    return load(
        {
            "architectures": {name: {"trunk": trunk} for name, trunk in trunks.items()},
            "datasets": {
                "birds": {
                    "draw": {}, "architectures": [*trunks], "images": {"eval_size": 64},
                    "variants": {name: {} for name in variants},
                }
            },
            "training": {"crop": crop},
            "methods": {"cam": [*methods]},
            **keys,
        }
    )  # fmt: skip


def test_methods_that_need_nothing_special_ask_for_no_look():
    """So that a study of the paper's trunks starts without opening PyTorch."""
    assert to_build(study({"a": "resnet_small", "b": "vgg16"}, ["cam", "gradcam", "rise"])) == {}


def test_one_reason_names_all_its_methods_and_models():
    found = [*built(study({"a": "resnet_small"}, ["legrad", "attention_rollout"], ["cam", "has"]))]
    assert [(each.key, each.usable) for each in found] == [("architectures.a", False)]
    assert found[0].text.startswith("legrad, attention_rollout: This method reads the attention")
    assert "asked of birds/a/cam, birds/a/has; `per_model` gives" in found[0].text


@pytest.mark.parametrize(
    ("trunk", "methods", "said"),
    [
        ("timm:test_vit", ["legrad", "attention_rollout"], None),
        ("timm:test_vit", ["guided_backprop"], "^guided_backprop: the trunk .* has no ReLU"),
        ("timm:test_vit", ["deep_lift"], "^deep_lift: there is no rule for .*LayerNorm"),
        ("torchvision:swin_t", ["legrad"], "^legrad: .*the network has no attention"),
        ("resnet_small", ["guided_backprop", "deep_lift"], None),
        ("convnext_tiny", ["guided_backprop"], "^guided_backprop: .* has no ReLU"),
        ("timm:crossvit_tiny_240", ["cam"], "has no spatial map"),
        ("timm:resnet19", ["cam"], "did you mean 'resnet18'"),
    ],
)
def test_what_an_architecture_cannot_do(trunk, methods, said):
    wrong = [each for each in built(study({"a": trunk}, methods, crop=160)) if not each.usable]
    if said is None:
        assert wrong == []
        return
    (found,) = wrong
    with pytest.raises(UserError, match=said):
        raise UserError(found.text)


def test_images_that_do_not_fit_a_trunk():
    (found,) = built(study({"a": "torchvision:vit_b_32"}, crop=100))
    assert not found.usable
    assert "patches of 32. Give a multiple of 32" in found.text


def test_weights_of_another_network_are_refused_with_whose_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": models.resnet34(num_classes=3).state_dict()}, "net.pth")
    architectures = {
        "right": {"trunk": "torchvision:resnet34", "weights": "net.pth"},
        "wrong": {"trunk": "resnet18", "weights": "net.pth"},
        "absent": {"trunk": "resnet18", "weights": "nets.pth"},
    }
    asked = study(dict.fromkeys(architectures, "resnet18"), architectures=architectures)
    found = {each.key: each.text for each in built(asked) if not each.usable}
    assert found.keys() == {"architectures.wrong.weights", "architectures.absent.weights"}
    assert "look like those of torchvision:resnet34" in found["architectures.wrong.weights"]
    assert "nets.pth is missing" in found["architectures.absent.weights"]
    with pytest.raises(UserError, match=r"architectures.wrong.weights: .*do not fit trunk"):
        open_models(asked, Paths("results"))


def test_heads_of_another_number_of_classes_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(models.resnet18(num_classes=3).state_dict(), "net.pth")
    for name in ("crow", "jay"):
        (tmp_path / "photos/train" / name).mkdir(parents=True)
    asked = study(
        {},
        architectures={"net": {"trunk": "resnet18", "weights": "net.pth"}},
        datasets={
            "photos": {
                "root": "photos", "records": {"layout": "folder"}, "cue_localization": False,
                "architectures": ["net"],
                "variants": {"cam": {"head": "trained", "epochs": 0}},
            }
        },
    )  # fmt: skip
    (found,) = built(asked)
    assert "heads in weights 'net.pth' do not fit" in found.text
    assert "(3, 512, 1, 1) instead of (2, 512, 1, 1)" in found.text


def test_the_workflow_looks_until_the_maps_are_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked, paths = study({"a": "resnet_small"}, ["cam", "legrad"]), Paths("results")
    weights, maps = (
        tmp_path / fill(path, Names("birds", "a", "cam", 0), split="test", method="legrad")
        for path in (paths.weights, paths.maps)
    )
    for path in (weights, maps):  # with the weights alone the maps are still to be made
        with pytest.raises(UserError, match=r"^architectures.a: legrad: "):
            open_models(asked, paths)
        path.parent.mkdir(parents=True)
        path.touch()
    open_models(asked, paths)


@pytest.mark.parametrize("trunk", ["resnet_small", "timm:test_vit", "timm:test_byobnet"])
def test_without_weights_and_with_them_the_answer_is_the_same(trunk):
    """The oracle is the method itself, on a model with values."""
    methods = ["guided_backprop", "deep_lift", "attention_rollout", "legrad", "gradcam"]
    training = Training(method="cam", crop=160)
    job = TrainJob(trunk=trunk, map_size="native" if ":" in trunk else 28, weights="none", seed=1,
                   training=training)  # fmt: skip
    model = Classifier(job, 3).eval()
    images = torch.randn(1, 3, 160, 160, generator=torch.Generator().manual_seed(2))
    able = set()
    for method in methods:
        try:
            maps_of(model, method, images, [(1,)], ["a"], Attribution())
            able.add(method)
        except UserError:
            pass
    structural = [name for name in methods if METHODS[name].needs != "modules"]
    shadow = Classifier(job, 3).to("meta").eval()
    unable = lacking(shadow, structural, images.to("meta")) + lacking(model, methods[:2], images)
    named = {name for text in unable for name in text.partition(":")[0].split(", ")}
    assert named == set(methods) - able
