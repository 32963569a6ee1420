import json

import jsonschema
import pytest
import yaml

from pipeline.catalogue.methods import METHODS
from pipeline.command import reference
from pipeline.runtime.errors import UserError
from pipeline.study import config

MINIMAL = {
    "architectures": {"small": {"trunk": "resnet_small"}},
    "datasets": {
        "birds": {
            "draw": {"seed": 3},
            "architectures": ["small"],
            "variants": {"cam": {}, "calm_em": {"lr": 0.5}},
        }
    },
}


def changed(**keys):
    return {**json.loads(json.dumps(MINIMAL)), **keys}


def test_models_are_the_product_of_architectures_variants_and_seeds():
    study = config.load(changed(seeds=[4, 7]))
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
    training = config.load(raw).training_of("birds", "cam")
    assert (training.lr, training.epochs, training.batch_size) == (0.1, 6, 9)
    assert training.method == "cam"


def test_one_method_can_be_trained_under_two_names():
    raw = changed()
    raw["datasets"]["birds"]["variants"]["slow"] = {"method": "calm_ml", "lr": 1e-4}
    study = config.load(raw)
    assert study.training_of("birds", "slow").method == "calm_ml"
    assert study.methods_of("birds", "small", "slow") == study.methods.calm


def test_pretraining_models_are_not_studied():
    raw = changed()
    raw["datasets"]["birds"]["variants"]["attributes"] = {}
    study = config.load(raw)
    assert len(study.models()) == 3
    assert len(study.studied_models()) == 2


def test_a_training_method_for_localisation_has_cams_maps_and_its_own_section_alone():
    raw = changed(training={"adl": {"drop_rate": 0.5}, "has": {"grid_size": 8}})
    raw["datasets"]["birds"]["variants"]["adl"] = {"adl": {"threshold": 0.8}}
    study = config.load(raw)
    assert study.methods_of("birds", "small", "adl") == study.methods.cam
    training = study.train_job("birds", "small", "adl", 0).training
    assert training.adl.model_dump() == {"drop_rate": 0.5, "threshold": 0.8}
    assert training.code == ("pipeline.models.methods.adl",)
    assert "has" not in training.model_dump()
    for variant in ("cam", "calm_em"):
        job = study.train_job("birds", "small", variant, 0)
        plain = config.load(changed()).train_job("birds", "small", variant, 0)
        assert config.params(job) == config.params(plain)
        assert not {"adl", "has", "acol"} & job.model_dump()["training"].keys()
        assert job.training.code == ()


def test_the_released_preset_lies_under_the_config():
    released = config.load(changed(protocol="released"))
    assert released.training_of("birds", "calm_em").location == "relu"
    assert released.cues.truncate_keypoints
    own = config.load(changed(protocol="released", cues={"truncate_keypoints": False}))
    assert not own.cues.truncate_keypoints
    assert not config.load(changed()).cues.truncate_keypoints


def test_all_problems_are_listed_at_once_with_the_nearest_name():
    raw = changed(seedz=[1])
    raw["architectures"]["small"]["trunk"] = "resnet_smal"
    raw["datasets"]["birds"]["draw"]["clases"] = 3
    raw["datasets"]["birds"]["variants"]["cam"] = {"epochs": -1, "lrr": 2}
    with pytest.raises(UserError) as caught:
        config.load(raw)
    text = str(caught.value)
    assert "seedz: unknown key; did you mean 'seeds'?" in text
    assert "datasets.birds.draw.clases: unknown key; did you mean 'classes'?" in text
    assert "architectures.small.trunk" in text
    assert "resnet_smal" in text
    assert "datasets.birds.variants.cam: epochs: Input should be greater" in text
    assert "lrr: unknown key; did you mean 'lr'?" in text
    assert text.startswith("4 problem(s)")


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (("datasets", "birds", "variants", "cam"), {"lrr": 1}, "did you mean 'lr'?"),
        (("datasets", "birds", "variants", "cam"), {"lr": -1}, "greater than 0"),
        (("datasets", "birds", "variants"), {"came": {}}, "did you mean 'cam'?"),
        (("datasets", "birds", "architectures"), ["smal"], "did you mean 'small'?"),
        (("architectures", "small", "weights"), "model:a/b/c", "trains no model 'a/b/c'"),
        (("datasets", "birds", "root"), "/somewhere", "exactly one of `root`"),
        (("evaluation",), {"bootstrap": {}}, "evaluation.bootstrap: unknown key"),
        (("methods",), {"cam": ["cam", "cam"]}, "twice"),
        (("seeds",), [], "at least 1"),
        (("datasets", "birds", "records"), {"classes": "1..5"}, "pattern"),
    ],
)
def test_wrong_values_are_named(place, value, expected):
    raw = changed()
    target = raw
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    with pytest.raises(UserError, match=r"[\s\S]*" + expected.replace("?", r"\?")):
        config.load(raw)


def test_missing_empty_and_broken_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.yaml"):
        config.load(tmp_path / "nowhere.yaml")
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(UserError, match="empty"):
        config.load(tmp_path / "empty.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1")
    with pytest.raises(UserError, match=r"broken\.yaml is not valid YAML"):
        config.load(tmp_path / "broken.yaml")


def test_parameters_are_canonical_whatever_the_order_of_keys():
    first = config.load(changed(training={"lr": 0.1, "epochs": 3}))
    second = config.load(changed(training={"epochs": 3, "lr": 0.1}))
    job = ("birds", "small", "cam", 0)
    assert config.params(first.train_job(*job)) == config.params(second.train_job(*job))


def test_schema_and_reference_page_are_generated_from_the_code():
    message = "run: python -m pipeline.command.reference"
    assert reference.SCHEMA.read_text() == reference.schema_text(), message
    assert reference.PAGE.read_text() == reference.page_text(), message


def test_every_key_is_explained():
    for row in reference.page_text().splitlines():
        if row.startswith("| `"):
            assert row.rsplit("|", 2)[1].strip(), row


@pytest.mark.parametrize("path", sorted(reference.PAGE.parent.glob("*.yaml")), ids=lambda p: p.name)
def test_shipped_configs_are_valid(path):
    raw = yaml.safe_load(path.read_text())
    config.load(raw)
    jsonschema.validate(raw, json.loads(reference.SCHEMA.read_text()))
    assert f"`{path.name}`" in reference.page_text()


def test_a_config_may_extend_another_and_its_own_keys_win(tmp_path):
    base, over = tmp_path / "base.yaml", tmp_path / "over.yaml"
    base.write_text(yaml.safe_dump(changed(seeds=[1], title="base")))
    over.write_text(
        yaml.safe_dump(
            {
                "extends": str(base),
                "title": "over",
                "datasets": {"birds": {"variants": {"cam": {"lr": 0.25}}}},
            }
        )
    )
    study = config.load(over)
    assert (study.title, study.seeds) == ("over", (1,))
    assert study.training_of("birds", "cam").lr == 0.25
    assert study.training_of("birds", "calm_em").lr == 0.5


def test_a_config_that_extends_itself_or_nothing_is_refused(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(f"extends: {own}\n")
    with pytest.raises(UserError, match="extends itself"):
        config.load(own)
    own.write_text("extends: missing.yaml\n")
    with pytest.raises(UserError, match=r"missing\.yaml"):
        config.load(own)


def test_weights_of_a_variant_win_and_are_no_part_of_its_training():
    raw = changed()
    raw["datasets"]["birds"]["variants"]["cam"] = {"weights": "mine.pth", "epochs": 0}
    job = config.load(raw).train_job("birds", "small", "cam", 0)
    assert (job.weights, job.training.weights) == ("mine.pth", None)
    raw["datasets"]["birds"]["variants"]["cam"] = {"weights": "model:birds/small/calm"}
    with pytest.raises(UserError, match=r"variants\.cam\.weights.*birds/small/calm"):
        config.load(raw)


def test_own_maps_belong_to_a_model_and_unknown_methods_of_an_evaluation_are_named():
    raw = changed(
        methods={"mine": {"path": "maps.h5", "model": "birds/small/cam"}},
        evaluation={"pointing_game": {}, "axioms": {"methods": ["cam"]}},
    )
    study = config.load(raw)
    assert study.methods_of("birds", "small", "cam")[-1] == "mine"
    assert "mine" not in study.methods_of("birds", "small", "calm_em")
    measured = {(task, method) for task, *_, method in study.measurements()}
    assert ("pointing_game", "mine") in measured
    assert ("pointing_game", "counterfactual") not in measured  # explains no single class
    assert {method for task, method in measured if task == "axioms"} == {"cam"}

    raw["evaluation"]["axioms"]["methods"] = ["camm"]
    raw["methods"]["mine"]["model"] = "birds/small/cann"
    raw["methods"]["joint"] = {"path": "maps.h5", "model": "birds/small/cam"}
    with pytest.raises(UserError) as caught:
        config.load(raw)
    assert "methods: methods.joint: that is the name of a built-in method" in str(caught.value)
    del raw["methods"]["joint"]
    with pytest.raises(UserError) as caught:
        config.load(raw)
    for text in ("evaluation.axioms.methods", "'cam'?", "methods.mine.model"):
        assert text in str(caught.value)


def test_a_method_passes_on_the_options_that_it_uses_alone():
    study = config.load(changed())
    for name, entry in METHODS.items():
        assert set(study.method_options(name)) == set(entry.options)
    assert study.method_options("mine") == {}
