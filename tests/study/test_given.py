import pytest

from pipeline.artefacts.paths import Names, Paths
from pipeline.runtime.errors import UserError
from pipeline.study.inputs.models import ModelInputs
from pipeline.study.loading import load
from pipeline.study.needs import records_job


def study(architecture, **keys):
    return {
        "seeds": [3, 4],
        "architectures": {
            "mine": {"model": "torchvision:resnet18", "weights": "best.ckpt", **architecture},
            "small": {"trunk": "resnet_small"},
        },
        "datasets": {
            "birds": {
                "draw": {},
                "architectures": ["mine", "small"],
                "variants": {"cam": {}, "calm_em": {}},
            },
            "photos": {"root": "photos", "architectures": ["mine"], "cue_localization": False},
        },
        **keys,
    }


def test_a_given_model_stands_once_whatever_variants_and_seeds_there_are():
    found = load(study({})).models()
    assert found == [
        ("birds", "mine", "mine", 3),
        *(("birds", "small", v, s) for v in ("cam", "calm_em") for s in (3, 4)),
        ("photos", "mine", "mine", 3),
    ]


def test_nothing_is_trained_on_a_data_set_of_given_models():
    loaded = load(study({}))
    assert "train_images" not in records_job(loaded, "photos").needs
    assert "train_images" in records_job(loaded, "birds").needs
    models = ModelInputs(loaded, Paths("results"))
    assert (models.is_trained("photos"), models.is_studied("photos")) == (False, True)
    assert (models.given(), models.trained()) == ("mine", "small")


def test_methods_are_the_studys_for_cam_or_its_own():
    assert load(study({})).methods_of("birds", "mine", "mine") == ("cam", "cam_superset")
    own = load(study({"methods": ["rise", "gradcam"]}))
    assert own.methods_of("birds", "mine", "mine") == ("rise", "gradcam")
    assert own.methods_of("birds", "small", "cam") == ("cam", "cam_superset")
    assert "rise" in own.every_method()


def test_its_files_decide_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("best.ckpt", "names.txt", "mylab_nets.py"):
        (tmp_path / name).touch()
    loaded = load(study({"model": "mylab_nets:build", "classes": "names.txt"}))
    models, names = ModelInputs(loaded, Paths("results")), Names("birds", "mine", "mine", 3)
    assert models.given_files(names) == ["best.ckpt", "names.txt", "mylab_nets.py"]
    assert '"model":"mylab_nets:build"' in models.given_section(names)
    assert '"stored_size":224' in models.given_section(names)
    assert not models.is_kept(names)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ({"trunk": "resnet18"}, r"architectures.mine: give `trunk` .* or `model`"),
        ({"weights": None}, "torchvision:resnet18 without `weights` would be an untrained network"),
        ({"model": "resnet18"}, "'resnet18' is no model: write timm:NAME"),
        ({"wieghts": "x"}, r"architectures.mine.wieghts: unknown key; did you mean 'weights'"),
        ({"methods": ["joint"]}, "a model from elsewhere has no method 'joint'"),
        ({"std": [0.2, 0, 0.2]}, "greater than 0"),
    ],
)
def test_a_wrong_section_is_said(architecture, message):
    with pytest.raises(UserError, match=message):
        load(study(architecture))


def test_a_given_model_is_no_start_of_a_training():
    keys = study({})
    keys["architectures"]["small"]["weights"] = "model:birds/mine/mine"
    with pytest.raises(UserError, match="trains no model 'birds/mine/mine'"):
        load(keys)
