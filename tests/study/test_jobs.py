import pytest
from small_config import changed

from pipeline.catalogue.methods import METHODS, sections_of
from pipeline.runtime.errors import UserError
from pipeline.study.jobs import params
from pipeline.study.loading import load


def test_models_are_the_product_of_architectures_variants_and_seeds():
    study = load(changed(seeds=[4, 7]))
    assert study.models() == [
        ("birds", "small", "cam", 4),
        ("birds", "small", "cam", 7),
        ("birds", "small", "calm_em", 4),
        ("birds", "small", "calm_em", 7),
    ]


def test_training_keys_of_study_data_set_and_variant_win_in_this_order():
    raw = changed(training={"lr": 0.1, "epochs": 5, "batch_size": 7})
    raw["datasets"]["birds"]["training"] = {"epochs": 6, "batch_size": 8}
    raw["datasets"]["birds"]["variants"]["cam"] = {"batch_size": 9}
    training = load(raw).training_of("birds", "cam")
    assert (training.lr, training.epochs, training.batch_size) == (0.1, 6, 9)
    assert training.method == "cam"


def test_one_method_can_be_trained_under_two_names():
    raw = changed()
    raw["datasets"]["birds"]["variants"]["slow"] = {"method": "calm_ml", "lr": 1e-4}
    study = load(raw)
    assert study.training_of("birds", "slow").method == "calm_ml"
    assert study.methods_of("birds", "small", "slow") == study.methods.calm


def test_pretraining_models_are_not_studied():
    raw = changed()
    raw["datasets"]["birds"]["variants"]["attributes"] = {}
    study = load(raw)
    assert len(study.models()) == 3
    assert len(study.studied_models()) == 2


def test_a_training_method_for_localisation_has_cams_maps_and_its_own_section_alone():
    raw = changed(training={"adl": {"drop_rate": 0.5}, "has": {"grid_size": 8}})
    raw["datasets"]["birds"]["variants"]["adl"] = {"adl": {"threshold": 0.8}}
    study = load(raw)
    assert study.methods_of("birds", "small", "adl") == study.methods.cam
    training = study.train_job("birds", "small", "adl", 0).training
    assert training.adl.model_dump() == {"drop_rate": 0.5, "threshold": 0.8}
    assert training.code == ("pipeline.models.methods.adl",)
    assert "has" not in training.model_dump()
    for variant in ("cam", "calm_em"):
        job = study.train_job("birds", "small", variant, 0)
        plain = load(changed()).train_job("birds", "small", variant, 0)
        assert params(job) == params(plain)
        assert not {"adl", "has", "acol"} & job.model_dump()["training"].keys()
        assert job.training.code == ("pipeline.models.heads",)


def test_parameters_are_canonical_whatever_the_order_of_keys():
    first = load(changed(training={"lr": 0.1, "epochs": 3}))
    second = load(changed(training={"epochs": 3, "lr": 0.1}))
    job = ("birds", "small", "cam", 0)
    assert params(first.train_job(*job)) == params(second.train_job(*job))


def test_weights_of_a_variant_win_and_are_no_part_of_its_training():
    raw = changed()
    raw["datasets"]["birds"]["variants"]["cam"] = {"weights": "mine.pth", "epochs": 0}
    job = load(raw).train_job("birds", "small", "cam", 0)
    assert (job.weights, job.training.weights) == ("mine.pth", None)
    raw["datasets"]["birds"]["variants"]["cam"] = {"weights": "model:birds/small/calm"}
    with pytest.raises(UserError, match=r"variants\.cam\.weights.*birds/small/calm"):
        load(raw)


def test_own_maps_belong_to_a_model_and_unknown_methods_of_an_evaluation_are_named():
    raw = changed(
        own_maps={"mine": {"path": "maps.h5", "model": "birds/small/cam"}},
        evaluation={"pointing_game": {}, "axioms": {"methods": ["cam"]}},
    )
    study = load(raw)
    assert study.methods_of("birds", "small", "cam")[-1] == "mine"
    assert "mine" not in study.methods_of("birds", "small", "calm_em")
    measured = {(task, method) for task, *_, method in study.measurements()}
    assert ("pointing_game", "mine") in measured
    assert ("pointing_game", "counterfactual") not in measured  # explains no single class
    assert {method for task, method in measured if task == "axioms"} == {"cam"}

    raw["evaluation"]["axioms"]["methods"] = ["camm"]
    raw["own_maps"]["mine"]["model"] = "birds/small/cann"
    raw["own_maps"]["joint"] = {"path": "maps.h5", "model": "birds/small/cam"}
    with pytest.raises(UserError) as caught:
        load(raw)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("3 problem(s)")
    for line, key, cure in zip(
        sorted(lines[1:]),
        ("evaluation.axioms.methods", "own_maps.joint", "own_maps.mine.model"),
        ("did you mean 'cam'?", "built-in method", "did you mean 'birds/small/cam'?"),
        strict=True,
    ):
        assert line.strip().startswith(f"{key}: ")
        assert cure in line


def test_a_method_passes_on_the_options_that_it_uses_alone():
    study = load(changed())
    for name in METHODS:
        assert set(study.method_options(name)) == set(sections_of(name))
    assert study.method_options("mine") == {}


def test_every_place_of_weights_is_named_with_home_folders_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    raw = changed(training={"weights": "~/a.pth"})
    raw["architectures"]["small"]["weights"] = "~/b.pth"
    raw["datasets"]["birds"]["training"] = {"weights": "c.pth"}
    raw["datasets"]["birds"]["variants"]["cam"] = {"weights": "~/d.pth"}
    # a network that no data set names needs no file
    raw["architectures"]["unused"] = raw["architectures"]["small"] | {"weights": "~/e.pth"}
    study = load(raw)
    assert dict(study.named_weights()) == {
        "architectures.small.weights": "/home/me/b.pth",
        "training.weights": "/home/me/a.pth",
        "datasets.birds.training.weights": "c.pth",
        "datasets.birds.variants.cam.weights": "/home/me/d.pth",
    }
    assert study.train_job("birds", "small", "cam", 0).weights == "/home/me/d.pth"
    assert study.train_job("birds", "small", "calm_em", 0).weights == "c.pth"
