"""What single models have of their own, and which models are measured."""

import pytest
from small_config import changed

from pipeline.runtime.errors import UserError
from pipeline.study.loading import load


def with_both(**keys):
    raw = changed(architectures={"small": {}, "large": {"trunk": "resnet18"}}, **keys)
    raw["datasets"]["birds"]["architectures"] = ["small", "large"]
    return load(raw)


def test_training_keys_of_a_model_win_over_those_of_its_variant_and_later_ones_over_earlier():
    found = with_both(
        training={"lr": 0.1, "weight_decay": 0.3},
        per_model={
            "birds/large/*": {"training": {"lr": 0.01, "weight_decay": 0.2}},
            "*/*/calm_em": {"training": {"lr": 0.001}},
        },
    )
    jobs = {
        (architecture, variant): found.train_job("birds", architecture, variant, 0).training
        for architecture in ("small", "large")
        for variant in ("cam", "calm_em")
    }
    assert {names: job.lr for names, job in jobs.items()} == {
        ("small", "cam"): 0.1, ("large", "cam"): 0.01,
        ("small", "calm_em"): 0.001, ("large", "calm_em"): 0.001,
    }  # fmt: skip
    assert jobs["large", "calm_em"].weight_decay == 0.2
    assert jobs["small", "calm_em"].weight_decay == 0.3


def test_methods_of_a_model_are_added_to_those_of_its_kind():
    found = with_both(
        methods={"cam": ["cam"], "calm": ["joint"]},
        per_model={"*/large/cam": {"methods": ["gradient", "cam"]}},
    )
    assert found.methods_of("birds", "large", "cam") == ("cam", "gradient")
    assert found.methods_of("birds", "small", "cam") == ("cam",)
    assert found.every_method() == {"cam", "joint", "gradient"}


def test_an_evaluation_measures_the_models_that_it_names():
    found = with_both(
        methods={"cam": ["cam"], "calm": ["joint"]},
        evaluation={"erase": {"models": ["birds/large/*", "*/small/cam"]}},
    )
    measured = {model[1:4] for model in found.measurements()}
    assert measured == {
        ("birds", "large", "cam"), ("birds", "large", "calm_em"), ("birds", "small", "cam"),
    }  # fmt: skip
    assert "models" not in found.task_section("erase")  # a further model reruns no job


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"per_model": {"birds/cam": {}}}, "is no DATASET/ARCHITECTURE/VARIANT"),
        ({"per_model": {"birds/tall/cam": {}}}, "per_model.birds/tall/cam: the study has no model"),
        (
            {"per_model": {"*/*/cam": {"methods": ["joint"]}}},
            "birds/small/cam is a cam model, which has no method 'joint'",
        ),
        (
            {"per_model": {"*/*/cam": {"training": {"epochs": 3}}}},
            r"per_model.\*/\*/cam.training.epochs: make it a variant of its own",
        ),
        ({"per_model": {"*/*/cam": {"training": {"lrr": 3}}}}, "lrr"),
        (
            {"evaluation": {"erase": {"models": ["birds/small/calm"]}}},
            "evaluation.erase.models: the study has no model 'birds/small/calm'; did you mean",
        ),
        ({"evaluation": {"wsol": {"methods": ["cma"]}}}, "evaluation.wsol.methods"),
    ],
)
def test_what_no_model_has_is_a_problem(keys, message):
    with pytest.raises(UserError, match=message):
        load(changed(**keys))
